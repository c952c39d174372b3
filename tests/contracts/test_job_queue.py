"""What every job queue must do."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from calls_adapters.memory import MemoryJobQueue
from calls_adapters.sql import SqlJobQueue
from calls_core.errors import LeaseLost, Reason
from calls_core.job import MAX_ATTEMPTS, Claim, JobId
from calls_core.ports import JobQueue
from tests.contracts.worlds import MINUTE, World

pytestmark = pytest.mark.anyio

OUTAGE = Reason("storage-unavailable", "the disk is full")
DAY = timedelta(hours=24)


async def test_an_empty_queue_gives_nothing(world: World) -> None:
    """There is nothing to claim, give up, requeue or announce."""
    assert await world.jobs.claim("w1", MINUTE) is None
    assert await world.jobs.claim("w1", MINUTE, JobId(uuid4())) is None
    assert await world.jobs.claim_hopeless("w1", MINUTE) is None
    assert await world.jobs.requeue_expired() == 0
    assert await world.jobs.unannounced(10, MINUTE) == []
    assert await world.jobs.holders() == type(await world.jobs.holders())()
    assert await world.jobs.depth() == {"queued": 0, "running": 0}


async def test_claims_the_most_urgent_first(world: World) -> None:
    """Jobs come in the order in which they are due, each once, with its attempt raised."""
    first = await world.attached()
    world.clock.advance(MINUTE)
    second = await world.attached()

    claims = [await world.jobs.claim("w1", MINUTE) for _ in range(3)]

    assert [claim and claim.job for claim in claims] == [
        replace(first.job, attempt=1),
        replace(second.job, attempt=1),
        None,
    ]
    assert await world.jobs.depth() == {"queued": 0, "running": 2}
    assert list(await world.jobs.holders()) == ["w1"]


async def test_claims_the_job_named(world: World) -> None:
    """A wake-up names a job; another one may be more urgent."""
    await world.attached()
    named = await world.attached()

    claim = await world.jobs.claim("w1", MINUTE, named.job.id)

    assert claim == Claim(job=replace(named.job, attempt=1), token=1, worker="w1")
    assert await world.jobs.claim("w2", MINUTE, named.job.id) is None


@pytest.mark.parametrize("named", [False, True])
async def test_of_eight_workers_one_gets_the_job(world: World, *, named: bool) -> None:
    """However many ask at once."""
    job = (await world.attached()).job
    job_id = job.id if named else None

    claims = await asyncio.gather(*(world.jobs.claim(f"w{n}", MINUTE, job_id) for n in range(8)))

    assert sum(claim is not None for claim in claims) == 1


async def test_eight_workers_share_the_jobs(world: World) -> None:
    """Every job is claimed once and none is left over."""
    queued = {(await world.attached()).job.id for _ in range(40)}
    claimed: list[JobId] = []

    async def work(name: str) -> None:
        while claim := await world.jobs.claim(name, MINUTE):
            claimed.append(claim.job.id)

    await asyncio.gather(*(work(f"w{n}") for n in range(8)))

    assert sorted(claimed) == sorted(queued)


async def test_leaves_alone_what_is_not_due(world: World) -> None:
    """A job that was put back is due after its delay, not before."""
    await world.attached()
    await world.jobs.put_back(await world.claimed(), MINUTE, OUTAGE, burn_attempt=True)

    world.clock.advance(MINUTE - timedelta(microseconds=1))
    assert await world.jobs.claim("w1", MINUTE) is None
    assert await world.jobs.depth() == {"queued": 1, "running": 0}

    world.clock.advance(timedelta(microseconds=1))
    assert (await world.claimed()).job.attempt == 2


async def test_an_outage_burns_no_attempt(world: World) -> None:
    """It is counted as a deferral; a shutdown is not even that."""
    await world.attached()

    await world.jobs.put_back(await world.claimed(), timedelta(0), OUTAGE, burn_attempt=False)
    await world.jobs.put_back(await world.claimed(), timedelta(0), None, burn_attempt=False)

    job = (await world.claimed()).job
    assert (job.attempt, job.deferrals) == (1, 1)


async def test_a_lease_keeps_others_away_until_it_ends(world: World) -> None:
    """Renewing makes it last; when it has ended the job is queued again, and the old owner can write no more."""
    acceptance = await world.attached()
    old = await world.claimed("w1")

    world.clock.advance(MINUTE / 2)
    await world.jobs.renew(old, MINUTE)
    world.clock.advance(MINUTE - timedelta(microseconds=1))
    assert await world.jobs.requeue_expired() == 0
    assert await world.jobs.claim("w2", MINUTE) is None

    world.clock.advance(timedelta(microseconds=1))
    assert await world.jobs.requeue_expired() == 1
    with pytest.raises(LeaseLost):
        await world.jobs.renew(old, MINUTE)
    new = await world.claimed("w2")

    assert new.job == replace(acceptance.job, attempt=2)
    assert new.token > old.token


async def test_an_ended_lease_that_nobody_took_can_be_renewed(world: World) -> None:
    """A worker that was only slow goes on."""
    await world.attached()
    claim = await world.claimed()
    world.clock.advance(MINUTE * 2)

    await world.jobs.renew(claim, MINUTE)

    assert await world.jobs.requeue_expired() == 0


async def test_requeued_jobs_may_have_to_wait(world: World) -> None:
    """What has killed its worker shall not kill the next one at once."""
    await world.attached()
    await world.claimed()
    world.clock.advance(MINUTE)

    assert await world.jobs.requeue_expired(MINUTE) == 1

    assert await world.jobs.claim("w2", MINUTE) is None
    world.clock.advance(MINUTE)
    await world.claimed("w2")


async def test_leases_of_dead_workers_end_now(world: World) -> None:
    """Those of the living go on."""
    await world.attached()
    await world.attached()
    dead, living = await world.claimed("dead"), await world.claimed("living")
    assert sorted(await world.jobs.holders()) == ["dead", "living"]

    await world.jobs.end_leases(["dead", "unknown"])
    await world.jobs.end_leases([])

    assert await world.jobs.requeue_expired() == 1
    assert list(await world.jobs.holders()) == ["living"]
    assert (await world.claimed("w3")).job.id == dead.job.id
    await world.jobs.renew(living, MINUTE)


async def test_a_job_whose_attempts_are_used_up_is_given_up(world: World) -> None:
    """After the last lease nobody claims it any more; giving up raises no attempt and fences the old owner."""
    await world.attached()
    for _ in range(MAX_ATTEMPTS):
        world.clock.advance(MINUTE)
        assert await world.jobs.claim_hopeless("sweep", MINUTE) is None
        await world.jobs.requeue_expired()
        last = await world.claimed()
    assert last.job.is_last_attempt
    world.clock.advance(MINUTE)

    assert await world.jobs.requeue_expired() == 0
    assert await world.jobs.claim("w2", MINUTE) is None
    hopeless = await world.jobs.claim_hopeless("sweep", MINUTE)

    assert hopeless is not None
    assert (hopeless.job, hopeless.worker) == (last.job, "sweep")
    assert hopeless.token > last.token
    with pytest.raises(LeaseLost):
        await world.jobs.renew(last, MINUTE)
    assert await world.jobs.claim_hopeless("other", MINUTE) is None


async def test_a_job_put_back_with_no_attempt_left_is_given_up(world: World) -> None:
    """It is claimed no more, though it is queued: attempts are bounded."""
    await world.attached()
    for _ in range(MAX_ATTEMPTS):
        await world.jobs.put_back(await world.claimed(), timedelta(0), OUTAGE, burn_attempt=True)

    assert await world.jobs.claim("w1", MINUTE) is None
    assert await world.jobs.unannounced(10, MINUTE) == []
    hopeless = await world.jobs.claim_hopeless("sweep", MINUTE)

    assert hopeless is not None
    assert hopeless.job.attempt == MAX_ATTEMPTS


async def test_a_job_past_its_deadline_is_given_up(world: World) -> None:
    """However few attempts it took: queued, or running when its lease has ended."""
    await world.attached()
    waiting = await world.attached()
    running = await world.claimed()
    world.clock.advance(DAY - MINUTE / 2)
    await world.jobs.renew(running, MINUTE)
    assert await world.jobs.claim_hopeless("sweep", MINUTE) is None
    world.clock.advance(MINUTE / 2)

    assert await world.jobs.claim("w1", MINUTE) is None
    given_up = await world.jobs.claim_hopeless("sweep", MINUTE * 9)
    assert given_up is not None
    assert given_up.job == waiting.job
    assert await world.jobs.claim_hopeless("sweep", MINUTE * 9) is None

    world.clock.advance(MINUTE / 2)
    assert await world.jobs.requeue_expired() == 0
    given_up = await world.jobs.claim_hopeless("sweep", MINUTE * 9)
    assert given_up is not None
    assert given_up.job == running.job


async def test_announces_what_nobody_was_told_of(world: World) -> None:
    """In their order, again only after a while, and only jobs that can be claimed."""
    first, second, third = [(await world.attached()).job.id for _ in range(3)]
    order = [first, second, third]

    assert await world.jobs.unannounced(2, MINUTE) == order[:2]
    assert await world.jobs.unannounced(10, MINUTE) == order[2:]
    assert await world.jobs.unannounced(10, MINUTE) == []
    await world.claimed()
    world.clock.advance(MINUTE)

    assert await world.jobs.unannounced(10, MINUTE) == order[1:]


def test_no_adapter_is_left_out() -> None:
    """Every adapter of the port is held to this contract."""
    assert set(JobQueue.__subclasses__()) == {MemoryJobQueue, SqlJobQueue}
