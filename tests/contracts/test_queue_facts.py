"""What every job queue tells about its jobs beside the work itself."""

from dataclasses import replace

import pytest

from calls_core.errors import Reason
from tests.contracts.worlds import MINUTE, World

pytestmark = pytest.mark.anyio

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def test_a_job_keeps_its_trace(world: World) -> None:
    """Whoever claims it, now or after its lease has ended, continues the trace in which it was made."""
    call = await world.added()
    acceptance = await world.acceptance(call)
    await world.calls.attach(replace(acceptance, job=replace(acceptance.job, traceparent=TRACEPARENT)))

    first = await world.jobs.claim("w1", MINUTE)
    world.clock.advance(2 * MINUTE)
    await world.jobs.requeue_expired()
    second = await world.jobs.claim("w2", MINUTE)

    assert [claim and claim.job.traceparent for claim in (first, second)] == [TRACEPARENT, TRACEPARENT]


async def test_the_oldest_job_is_one_that_has_not_ended(world: World) -> None:
    """Queued or running, by when it was made; none when all have ended."""
    assert await world.jobs.oldest() is None
    began = world.clock.now
    acceptance = await world.attached()
    world.clock.advance(MINUTE)
    await world.attached()
    assert await world.jobs.oldest() == began

    claim = await world.claimed()
    assert await world.jobs.oldest() == began
    await world.jobs.finish(claim, acceptance.call.fail(Reason("worker-lost", "gone"), world.clock.now), None, [])
    assert await world.jobs.oldest() == began + MINUTE
