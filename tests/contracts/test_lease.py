"""Leases in whatever order things happen: claims, renewals, expiry, giving up, and writes of fenced workers."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from calls_core.call import Call
from calls_core.errors import LeaseLost, Reason
from calls_core.job import Claim, Job, JobId
from calls_core.recording import Recording
from tests.contracts.worlds import World, standing_world

T = TypeVar("T")

SECOND = timedelta(seconds=1)
LEASE = 60 * SECOND
WORKERS = st.sampled_from(["w1", "w2", "w3"])
SPANS = st.sampled_from([0, 1, 30, 59, 60, 61, 300]).map(lambda seconds: seconds * SECOND)
BROKEN = Reason("decoder-died", "it died")


@dataclass
class Known:
    """What the outside knows about one job. *holder* is the claim that may write; the lease of it ends at *until*."""

    job: Job
    call: Call
    recording: Recording
    token: int = 0
    holder: Claim | None = None
    until: datetime | None = None
    is_done: bool = False
    past: list[Claim] = field(default_factory=list)

    def is_hopeless(self, now: datetime) -> bool:
        return self.job.deadline_at <= now or self.job.attempt >= self.job.max_attempts


class LeaseMachine(RuleBasedStateMachine):
    """*run* runs a coroutine to its end."""

    def __init__(self, world: World, run: Callable[[Awaitable[T]], T]) -> None:
        super().__init__()
        self.world, self.run = world, run
        self.known: dict[JobId, Known] = {}
        self.run(world.clear())

    @property
    def now(self) -> datetime:
        return self.world.clock.now

    @initialize(first=st.integers(1, 3))
    def begin(self, first: int) -> None:
        """There is work from the start."""
        self.accept(max_attempts=3, patience=3600)
        self.accept(max_attempts=first, patience=200)

    @rule(max_attempts=st.integers(1, 3), patience=st.sampled_from([90, 200, 3600]))
    def accept(self, max_attempts: int, patience: int) -> None:
        async def add() -> Known:
            acceptance = await self.world.acceptance(await self.world.added())
            job = replace(acceptance.job, max_attempts=max_attempts, deadline_at=self.now + patience * SECOND)
            await self.world.calls.attach(replace(acceptance, job=job))
            return Known(job, acceptance.call, acceptance.recording)

        known = self.run(add())
        self.known[known.job.id] = known

    @rule(span=SPANS)
    def wait(self, span: timedelta) -> None:
        self.world.clock.advance(span)

    @rule(worker=WORKERS)
    def claim(self, worker: str) -> None:
        if claim := self.run(self.world.jobs.claim(worker, LEASE)):
            self.check_new(claim, raised=1)

    @rule(worker=WORKERS, data=st.data())
    def claim_one(self, worker: str, data: st.DataObject) -> None:
        job_id = data.draw(st.sampled_from(list(self.known)))
        if claim := self.run(self.world.jobs.claim(worker, LEASE, job_id)):
            assert claim.job.id == job_id
            self.check_new(claim, raised=1)

    @rule(worker=WORKERS)
    def die_and_be_replaced(self, worker: str) -> None:
        """What happens most where leases matter: rare as a chance sequence of rules."""
        self.wait(LEASE)
        self.requeue(timedelta(0))
        self.claim(worker)

    @rule()
    def give_up(self) -> None:
        if claim := self.run(self.world.jobs.claim_hopeless("sweep", LEASE)):
            known = self.known[claim.job.id]
            assert known.is_hopeless(self.now)
            assert known.until is None or known.until <= self.now
            known.holder = None
            self.check_new(claim, raised=0)

    @rule(delay=SPANS)
    def requeue(self, delay: timedelta) -> None:
        expired = [
            known
            for known in self.known.values()
            if known.until is not None and known.until <= self.now and not known.is_hopeless(self.now)
        ]

        assert self.run(self.world.jobs.requeue_expired(delay)) == len(expired)

        for known in expired:
            known.token += 1
            self.release(known)

    @rule(worker=WORKERS)
    def worker_died(self, worker: str) -> None:
        self.run(self.world.jobs.end_leases([worker]))
        for known in self.known.values():
            if known.holder and known.holder.worker == worker:
                known.until = self.now

    @precondition(lambda self: self.claims())
    @rule(data=st.data(), write=st.sampled_from(["renew", "save", "put_back", "spare", "finish"]))
    def write(self, data: st.DataObject, write: str) -> None:
        """Any worker that ever held a lease tries to write; only the present holder may."""
        claim = data.draw(st.sampled_from(self.claims()))
        known = self.known[claim.job.id]
        recording = known.recording.begin("signal", self.now)
        failed = recording.fail_unfinished(BROKEN, self.now)
        jobs = self.world.jobs
        attempts: dict[str, Callable[[], Awaitable[None]]] = {
            "renew": lambda: jobs.renew(claim, LEASE),
            "save": lambda: jobs.save_step(claim, recording, "signal"),
            "put_back": lambda: jobs.put_back(claim, 5 * SECOND, BROKEN, burn_attempt=True),
            "spare": lambda: jobs.put_back(claim, 5 * SECOND, BROKEN, burn_attempt=False),
            "finish": lambda: jobs.finish(claim, known.call.finish_processing(failed, self.now), failed, []),
        }
        if claim != known.holder:
            before = self.run(self.stored(known))
            with pytest.raises(LeaseLost):
                self.run(attempts[write]())
            assert self.run(self.stored(known)) == before
            return
        if write == "spare" and claim.worker == "sweep":
            return  # giving up took no attempt that could be given back
        self.run(attempts[write]())
        match write:
            case "renew":
                known.until = self.now + LEASE
            case "save":
                known.recording = recording
            case "finish":
                known.is_done = True
                self.release(known)
            case "spare":
                known.job = replace(known.job, attempt=known.job.attempt - 1, deferrals=known.job.deferrals + 1)
                self.release(known)
            case _:
                self.release(known)

    @invariant()
    def nothing_is_lost(self) -> None:
        running = sum(known.holder is not None for known in self.known.values())
        waiting = sum(known.holder is None and not known.is_done for known in self.known.values())
        assert self.run(self.world.jobs.depth()) == {"queued": waiting, "running": running}

    def teardown(self) -> None:
        """Workers that always die, and a sweep: everything ends, after no more claims than there are attempts."""
        for _ in range(20):
            self.world.clock.advance(LEASE)
            while claim := self.run(self.world.jobs.claim_hopeless("sweep", LEASE)):
                self.run(self.world.jobs.finish(claim, self.known[claim.job.id].call, None, []))
            self.run(self.world.jobs.requeue_expired())
            while claim := self.run(self.world.jobs.claim("w1", LEASE)):
                assert claim.job.attempt <= claim.job.max_attempts
        assert self.run(self.world.jobs.depth()) == {"queued": 0, "running": 0}

    def check_new(self, claim: Claim, raised: int) -> None:
        known = self.known[claim.job.id]
        assert known.holder is None
        assert not known.is_done
        assert claim.token > known.token
        assert claim.job == replace(known.job, attempt=known.job.attempt + raised)
        assert claim.job.attempt <= claim.job.max_attempts
        known.job, known.token, known.holder, known.until = claim.job, claim.token, claim, self.now + LEASE
        known.past.append(claim)

    def release(self, known: Known) -> None:
        known.holder = known.until = None

    def claims(self) -> list[Claim]:
        return [claim for known in self.known.values() for claim in known.past]

    async def stored(self, known: Known) -> object:
        calls = self.world.calls
        return await calls.get(known.call.id), await calls.recording(known.call.id), await self.world.jobs.depth()


@pytest.mark.thorough
def test_leases_hold_whatever_happens(database_url: str | None) -> None:
    """At most one worker holds a job, what a fenced one writes changes nothing, attempts are bounded, all jobs end."""
    with standing_world(database_url) as (world, run):
        run_state_machine_as_test(  # type: ignore[no-untyped-call]
            lambda: LeaseMachine(world, run),
            settings=settings(max_examples=200 if database_url is None else 15, stateful_step_count=40, deadline=None),
        )
