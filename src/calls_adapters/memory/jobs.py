"""The queue of record in memory."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from calls_adapters.memory.database import JobState, MemoryDatabase, StoredHold, StoredJob
from calls_core.call import Call
from calls_core.errors import LeaseLost, Reason
from calls_core.events import Event
from calls_core.job import Claim, JobId
from calls_core.ports import Acceptance, Clock, JobQueue
from calls_core.recording import Recording, RecordingId, StepStatus, StoredCopy


class MemoryJobQueue(JobQueue):
    def __init__(self, database: MemoryDatabase, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def claim(self, worker: str, lease: timedelta, job_id: JobId | None = None) -> Claim | None:
        now = self._clock()
        found = self._most_urgent(
            lambda stored: (
                stored.state is JobState.QUEUED
                and stored.run_at <= now
                and not _is_hopeless(stored, now)
                and job_id in {None, stored.job.id}
            )
        )
        if found is None:
            return None
        found.job = replace(found.job, attempt=found.job.attempt + 1)
        return self._lease(found, worker, lease)

    async def claim_hopeless(self, worker: str, lease: timedelta) -> Claim | None:
        now = self._clock()
        found = self._most_urgent(
            lambda stored: _is_hopeless(stored, now) and (stored.state is JobState.QUEUED or _has_expired(stored, now))
        )
        return self._lease(found, worker, lease) if found else None

    async def renew(self, claim: Claim, lease: timedelta) -> None:
        self.held(claim).lease_until = self._clock() + lease

    async def accept_pulled(self, claim: Claim, acceptance: Acceptance) -> None:
        self.held(claim)
        self._database.require_hold(acceptance.held_key)
        self._database.require_no_recording(acceptance.recording.call_id)
        self._database.accept(acceptance)

    async def save_step(self, claim: Claim, recording: Recording, analyzer: str) -> None:
        self.held(claim)
        step = recording.step(analyzer)
        stored = self._database.recordings[recording.call_id]
        steps = tuple(step if old.analyzer == analyzer else old for old in stored.steps)
        fresh = [analyzer] if step.status is StepStatus.DONE else []
        self._save(replace(recording, steps=steps), fresh)

    async def keep_copy(self, claim: Claim, recording_id: RecordingId, copy: StoredCopy) -> None:
        self.held(claim)
        self._database.require_hold(copy.storage_key)
        del self._database.holds[copy.storage_key]
        stored = next(r for r in self._database.recordings.values() if r.id == recording_id)
        if stored.redacted_copy:
            self._database.holds[stored.redacted_copy.storage_key] = StoredHold(until=self._clock(), doomed=True)
        self._database.recordings[stored.call_id] = replace(stored, redacted_copy=copy)

    async def finish(
        self,
        claim: Claim,
        call: Call,
        recording: Recording | None,
        events: Sequence[Event],
        *,
        fresh: Collection[str] = (),
    ) -> None:
        held = self.held(claim)
        if recording is not None:
            self._save(recording, fresh)
        self._database.save(call)
        self._database.events.extend(events)
        held.state = JobState.DONE
        held.lease_owner = held.lease_until = None

    async def put_back(self, claim: Claim, delay: timedelta, reason: Reason | None, *, burn_attempt: bool) -> None:
        held = self.held(claim)
        if not burn_attempt:
            outages = 1 if reason else 0
            held.job = replace(held.job, attempt=held.job.attempt - 1, deferrals=held.job.deferrals + outages)
        _requeue(held, self._clock() + delay)
        held.last_error = reason or held.last_error

    async def holders(self) -> Collection[str]:
        return {s.lease_owner for s in self._database.jobs.values() if s.lease_owner and s.state is JobState.RUNNING}

    async def end_leases(self, workers: Collection[str]) -> None:
        for stored in self._database.jobs.values():
            if stored.state is JobState.RUNNING and stored.lease_owner in workers:
                stored.lease_until = self._clock()

    async def requeue_expired(self, delay: timedelta = timedelta(0)) -> int:
        now = self._clock()
        expired = [s for s in self._database.jobs.values() if _has_expired(s, now) and not _is_hopeless(s, now)]
        for stored in expired:
            stored.token += 1
            _requeue(stored, now + delay)
        return len(expired)

    async def unannounced(self, limit: int, again_after: timedelta) -> Sequence[JobId]:
        now = self._clock()
        silent = [
            stored
            for stored in self._in_order()
            if stored.state is JobState.QUEUED
            and stored.run_at <= now
            and not _is_hopeless(stored, now)
            and (stored.announced_at is None or stored.announced_at <= now - again_after)
        ][:limit]
        for stored in silent:
            stored.announced_at = now
        return [stored.job.id for stored in silent]

    async def depth(self) -> Mapping[str, int]:
        states = Counter(stored.state for stored in self._database.jobs.values())
        return {state.value: states[state] for state in (JobState.QUEUED, JobState.RUNNING)}

    async def oldest(self) -> datetime | None:
        live = (s.job.created_at for s in self._database.jobs.values() if s.state is not JobState.DONE)
        return min(live, default=None)

    def _in_order(self) -> Iterator[StoredJob]:
        return iter(sorted(self._database.jobs.values(), key=lambda stored: (stored.run_at, stored.job.id)))

    def _most_urgent(self, fits: Callable[[StoredJob], bool]) -> StoredJob | None:
        return next(filter(fits, self._in_order()), None)

    def _lease(self, stored: StoredJob, worker: str, lease: timedelta) -> Claim:
        stored.state = JobState.RUNNING
        stored.token += 1
        stored.lease_owner = worker
        stored.lease_until = self._clock() + lease
        return Claim(job=stored.job, token=stored.token, worker=worker)

    def held(self, claim: Claim) -> StoredJob:
        """Return the job of *claim*; raise ``LeaseLost`` if it is held no more."""
        stored = self._database.jobs.get(claim.job.id)
        if stored is None or stored.token != claim.token or stored.state is not JobState.RUNNING:
            raise LeaseLost(f"job {claim.job.id} is not held by {claim.worker} any more")
        return stored

    def _save(self, recording: Recording, fresh: Collection[str]) -> None:
        self._database.clear_parts(recording.id, [name for name in fresh if name in recording.findings])
        kept = self._database.recordings[recording.call_id].findings
        new = {name: finding for name, finding in recording.findings.items() if name in fresh}
        self._database.recordings[recording.call_id] = replace(recording, findings={**kept, **new})


def _has_expired(stored: StoredJob, now: datetime) -> bool:
    return stored.state is JobState.RUNNING and stored.lease_until is not None and stored.lease_until <= now


def _is_hopeless(stored: StoredJob, now: datetime) -> bool:
    return stored.job.deadline_at <= now or stored.job.attempt >= stored.job.max_attempts


def _requeue(stored: StoredJob, run_at: datetime) -> None:
    stored.state = JobState.QUEUED
    stored.run_at = run_at
    stored.lease_owner = stored.lease_until = None
