"""What steps have paid for or wait for, before their finding is there."""

from datetime import timedelta

import pytest

from calls_core.errors import LeaseLost
from calls_core.events import EventType
from calls_core.ports import Acceptance
from tests.contracts.worlds import MINUTE, SIGNAL, TRANSCRIPT, World

pytestmark = pytest.mark.anyio

HOUR = timedelta(hours=1)
BYTES = bytes(range(256))


async def kept(world: World, acceptance: Acceptance, *names: tuple[str, str]) -> list[bytes | None]:
    return [await world.parts.get(acceptance.recording.id, analyzer, key) for analyzer, key in names]


async def test_what_is_kept_is_there_for_the_next_worker(world: World) -> None:
    """Any bytes, by analyzer and key; the last ones count, and what was dropped is gone."""
    acceptance = await world.attached()
    first, recording_id = await world.claimed("w1"), acceptance.recording.id
    for content in (b"old", BYTES):
        await world.parts.keep(first, recording_id, "ai", "one", content)
    await world.parts.keep(first, recording_id, "ai", "two", b"2")
    await world.parts.keep(first, recording_id, "other", "one", b"3")
    await world.parts.keep(first, recording_id, "ai", "two", None)
    world.clock.advance(MINUTE)
    await world.jobs.requeue_expired()
    await world.claimed("w2")
    assert await kept(world, acceptance, ("ai", "one"), ("ai", "two"), ("other", "one")) == [BYTES, None, b"3"]


async def test_a_fenced_worker_keeps_nothing(world: World) -> None:
    """Neither a new part, nor the removal of one."""
    acceptance = await world.attached()
    old = await world.claimed("w1")
    await world.parts.keep(old, acceptance.recording.id, "ai", "one", b"1")
    world.clock.advance(MINUTE)
    await world.jobs.requeue_expired()
    await world.claimed("w2")
    for key, content in (("one", None), ("one", b"mine"), ("two", b"mine")):
        with pytest.raises(LeaseLost):
            await world.parts.keep(old, acceptance.recording.id, "ai", key, content)
    assert await kept(world, acceptance, ("ai", "one"), ("ai", "two")) == [b"1", None]


@pytest.mark.parametrize("how", ["save_step", "finish"])
async def test_a_stored_finding_takes_the_parts_of_its_step_away(world: World, how: str) -> None:
    """By the same write; those of a step that has failed stay, because it may be run again."""
    acceptance, now = await world.attached(), world.clock.now
    claim = await world.claimed()
    for analyzer in ("signal", "ai"):
        await world.parts.keep(claim, acceptance.recording.id, analyzer, "one", b"1")
    done = acceptance.recording.begin("signal", now).complete("signal", SIGNAL, now)
    if how == "finish":
        failed = done.fail_unfinished(FACTS_MISSING.reason, now)
        call = acceptance.call.finish_processing(failed, now)
        event = world.event(call.id, EventType.CALL_FAILED)
        await world.jobs.finish(claim, call, failed, [event], fresh=["signal", "ai"])
    else:
        await world.jobs.save_step(claim, done, "signal")
    assert await kept(world, acceptance, ("signal", "one"), ("ai", "one")) == [None, b"1"]


FACTS_MISSING = LeaseLost("for a reason")


async def test_an_answer_is_taken_once_and_wakes_the_job(world: World) -> None:
    """It needs a place that waits for it; the second one, and one that nobody waits for, change nothing."""
    acceptance = await world.attached()
    call_id, job_id = acceptance.call.id, acceptance.job.id
    claim = await world.claimed()
    await world.parts.keep(claim, acceptance.recording.id, "ai", "answer", b"")
    assert await world.parts.hasten(call_id, "ai", "answer") is None
    await world.jobs.put_back(claim, HOUR, None, burn_attempt=False)
    assert await world.parts.hasten(call_id, "ai", "answer") is None
    assert await world.jobs.claim("w", MINUTE) is None

    assert await world.parts.answer(call_id, "ai", "other", b"lost") is None
    assert await world.parts.answer(world.new_call().id, "ai", "answer", b"lost") is None
    assert await world.parts.answer(call_id, "ai", "answer", b"first") == job_id
    assert await world.parts.answer(call_id, "ai", "answer", b"second") == job_id
    assert await kept(world, acceptance, ("ai", "answer"), ("ai", "other")) == [b"first", None]
    assert (await world.claimed()).job.id == job_id


async def test_an_answer_that_comes_while_a_worker_looks_is_not_slept_over(world: World) -> None:
    """It is kept; the worker that goes to sleep asks once more."""
    acceptance = await world.attached()
    claim = await world.claimed()
    await world.parts.keep(claim, acceptance.recording.id, "ai", "answer", b"")
    assert await world.parts.answer(acceptance.call.id, "ai", "answer", b"early") is None
    await world.jobs.put_back(claim, HOUR, None, burn_attempt=False)
    assert await world.parts.hasten(acceptance.call.id, "ai", "answer") == acceptance.job.id
    assert (await world.claimed()).job.id == acceptance.job.id


async def test_parts_go_with_the_call(world: World) -> None:
    """Nothing of what was said outlives the deletion of its call."""
    acceptance = await world.attached()
    claim = await world.claimed()
    await world.parts.keep(claim, acceptance.recording.id, "ai", "one", TRANSCRIPT.text.encode())
    await world.calls.erase(acceptance.call.id, world.event(acceptance.call.id, EventType.CALL_DELETED))
    assert await kept(world, acceptance, ("ai", "one")) == [None]
    with pytest.raises(LeaseLost):
        await world.parts.keep(claim, acceptance.recording.id, "ai", "one", b"late")
