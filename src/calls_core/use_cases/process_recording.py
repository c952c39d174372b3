"""What a worker does with a job."""

import asyncio
import logging
import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from calls_core.call import Call, CallStatus
from calls_core.errors import (
    CallNotFound,
    CallsError,
    LeaseLost,
    NeedsFailedStep,
    Reason,
    RecordingNotFound,
    Unavailable,
)
from calls_core.events import Event, EventId, EventType
from calls_core.faultpoint import faultpoint
from calls_core.job import Claim, JobId, Patience
from calls_core.ports import Analyzers, CallRepository, Clock, Fact, JobQueue, NewId, StepParts, Telemetry
from calls_core.recording import Recording
from calls_core.use_cases.attempt_steps import Attempt, AttemptSteps, delay_after
from calls_core.use_cases.hold_lease import while_leased
from calls_core.use_cases.pull_recording import PullRecording

_log = logging.getLogger("calls.process")


@dataclass(frozen=True, slots=True)
class ProcessRecording:
    """Claim one job and bring its recording as far as it will go: ready, failed, or back to the queue.

    Steps are checkpoints: a finding is stored when it is made, the last one together with the end of the job, and a
    later attempt does not make it again. Every write carries the fencing number of the claim.
    """

    jobs: JobQueue
    parts: StepParts
    calls: CallRepository
    pull: PullRecording
    attempt_steps: AttemptSteps
    analyzers: Analyzers
    patience: Patience
    clock: Clock
    new_id: NewId
    telemetry: Telemetry

    async def __call__(self, worker: str, job_id: JobId | None = None) -> JobId | None:
        """Work on the job named, or else on the most urgent one; return its id, or None when there is nothing to do."""
        claim = await self.jobs.claim(worker, self.patience.lease, job_id)
        if claim is None:
            return None
        faultpoint("worker.claimed")
        job, began = claim.job, time.monotonic()
        facts: dict[str, Fact] = {"call_id": str(job.call_id), "job_id": str(job.id), "attempt": job.attempt}
        with self.telemetry.busy(), self.telemetry.continued("process recording", job.traceparent, **facts) as span:
            outcome = "interrupted"
            try:
                outcome = await self._outcome(claim)
            finally:
                span.tell(outcome=outcome)
                took = round((time.monotonic() - began) * 1000, 1)
                _log.info("job %s of call %s: %s", job.id, job.call_id, outcome, extra={"duration_ms": took})
        return job.id

    async def _outcome(self, claim: Claim) -> str:
        """Work on the job, and tell in a word or two how that ended."""
        try:
            return await while_leased(partial(self.jobs.renew, claim), self.patience, self._process(claim))
        except LeaseLost as lost:
            if isinstance(lost.__cause__, CallNotFound):
                return "erased"
            self.telemetry.lease_lost()
            _log.warning("job %s is somebody else's by now: %s", claim.job.id, lost)
            return "lease lost"
        except Unavailable as outage:
            _log.warning("job %s waits: %s", claim.job.id, outage)
            delay = delay_after(outage, claim.job, self.patience)
            await self._put_back(claim, delay, outage.reason, burn_attempt=False)
            return "postponed"
        except asyncio.CancelledError:
            await asyncio.shield(self._put_back(claim, timedelta(0), None, burn_attempt=False))
            raise

    async def _process(self, claim: Claim) -> str:
        call = await call_in_work(self.calls, claim)
        recording = await self._recording(claim, call)
        if recording is None:
            return str(CallStatus.FAILED)
        return await self._conclude(await self.attempt_steps(claim, recording), call)

    async def _recording(self, claim: Claim, call: Call) -> Recording | None:
        """Return the stored recording, pulling it first if need be; None when the pull has failed for good."""
        try:
            return await self.calls.recording(call.id)
        except RecordingNotFound:
            if claim.job.source is None:
                msg = f"call {call.id} has no recording"
                raise LeaseLost(msg) from None
        try:
            return await self.pull(claim, call, claim.job.source)
        except (Unavailable, LeaseLost):
            raise
        except CallsError as refused:
            await self._finish(claim, call.fail(refused.reason, self.clock()), None)
            return None

    async def _conclude(self, attempt: Attempt, call: Call) -> str:
        claim, now = attempt.claim, self.clock()
        if claim.job.is_last_attempt:
            for analyzer, retry in tuple(attempt.postponed.items()):
                if not retry.outage:
                    attempt.recording = attempt.recording.fail(analyzer, retry.reason, now)
                    attempt.recording = attempt.recording.skip_orphans(now, self.analyzers.tolerant)
                    del attempt.postponed[analyzer]
        if waiting := tuple(attempt.postponed.values()):
            await self.attempt_steps.save(attempt)
            only_outages = all(retry.outage for retry in waiting)
            delay = max(delay_after(retry, claim.job, self.patience) for retry in waiting)
            trouble = next((retry.reason for retry in waiting if not retry.awaiting), None)
            await self.jobs.put_back(claim, delay, trouble, burn_attempt=not only_outages)
            for analyzer, retry in attempt.postponed.items():
                if retry.awaiting:  # the answer may have come just before we went to sleep
                    await self.parts.hasten(call.id, analyzer, retry.awaiting)
            return "postponed"
        recording = attempt.recording
        if not recording.is_finished:
            circle = NeedsFailedStep("its analyzers wait for each other; look at what each names in `after`")
            attempt.fresh |= {step.analyzer for step in recording.steps if not step.is_final}
            recording = recording.fail_unfinished(circle.reason, now)
        faultpoint("worker.before_finish")
        ready_or_failed = call.finish_processing(recording, now)
        await self._finish(claim, ready_or_failed, recording, attempt.fresh)
        faultpoint("worker.finished")
        return str(ready_or_failed.status)

    async def _finish(self, claim: Claim, call: Call, recording: Recording | None, fresh: Collection[str] = ()) -> None:
        await self.jobs.finish(claim, call, recording, [ended(call, self.new_id)], fresh=fresh)
        self.telemetry.call_ended(call)

    async def _put_back(self, claim: Claim, delay: timedelta, reason: Reason | None, *, burn_attempt: bool) -> None:
        try:
            await self.jobs.put_back(claim, delay, reason, burn_attempt=burn_attempt)
        except (LeaseLost, Unavailable) as error:
            _log.warning("job %s is left to the sweep: %s", claim.job.id, error)


async def call_in_work(calls: CallRepository, claim: Claim) -> Call:
    """Return the call that a claimed job is about.

    Raises:
        LeaseLost: it is erased, or somebody else has ended its processing while we were paused after the claim.
    """
    try:
        call = await calls.get(claim.job.call_id)
    except CallNotFound as error:
        raise LeaseLost(str(error)) from error
    if call.status is not CallStatus.PROCESSING:
        msg = f"call {call.id} is {call.status} already"
        raise LeaseLost(msg)
    return call


def ended(call: Call, new_id: NewId) -> Event:
    """The event that tells how processing *call* ended."""
    kind = EventType.CALL_READY if call.status is CallStatus.READY else EventType.CALL_FAILED
    return Event(id=EventId(new_id()), type=kind, call_id=call.id, occurred_at=call.updated_at)
