"""What a worker does with a job."""

import asyncio
import logging
import time
from collections.abc import Collection
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

from calls_core.call import Call, CallStatus
from calls_core.errors import (
    AnalysisFailed,
    AudioRefused,
    CallNotFound,
    CallsError,
    LeaseLost,
    NeedsFailedStep,
    Reason,
    RecordingLost,
    RecordingNotFound,
    SourceUnavailable,
    TooLarge,
    Unavailable,
    UploadExpired,
)
from calls_core.events import Event, EventId, EventType
from calls_core.faultpoint import faultpoint
from calls_core.findings import Facts, Redaction, Signal, Transcript
from calls_core.job import Claim, Job, JobId, Patience, PullSource
from calls_core.ports import (
    Acceptance,
    Analyzers,
    AudioSource,
    CallRepository,
    Clock,
    Fact,
    JobQueue,
    NewId,
    Parts,
    RecordingStorage,
    StepOutcome,
    StepParts,
    Telemetry,
)
from calls_core.recording import Recording, RecordingId, Step
from calls_core.use_cases.hold_lease import end_tasks, while_leased
from calls_core.use_cases.link_outside import LinkOutside
from calls_core.use_cases.make_redacted_copy import MakeRedactedCopy
from calls_core.use_cases.receive_recording import ReceiveRecording, attached, refusals_counted
from calls_core.use_cases.run_step import Failed, Outcome, Retry, RunStep

NO_FILE: Final = Path("no-file")
SHOW_RUNNING_AFTER: Final = timedelta(seconds=1)

_log = logging.getLogger("calls.process")


@dataclass(slots=True)
class _Attempt:
    """How far one claim has come. *fresh* findings are not stored yet; *postponed* steps wait for another attempt.

    *path* is the audio once it is *borrowed*, which is when somebody asks for it.
    """

    claim: Claim
    recording: Recording
    borrowed: AsyncExitStack
    path: Path | None = None
    fresh: set[str] = field(default_factory=set)
    postponed: dict[str, Retry] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _ClaimedParts(Parts):
    """The parts of one step, as long as its job is ours."""

    stored: StepParts
    claim: Claim
    recording_id: RecordingId
    analyzer: str

    async def get(self, key: str) -> bytes | None:
        return await self.stored.get(self.recording_id, self.analyzer, key)

    async def keep(self, key: str, content: bytes) -> None:
        await self.stored.keep(self.claim, self.recording_id, self.analyzer, key, content)

    async def drop(self, key: str) -> None:
        await self.stored.keep(self.claim, self.recording_id, self.analyzer, key, None)


@dataclass(frozen=True, slots=True)
class ProcessRecording:
    """Claim one job and bring its recording as far as it will go: ready, failed, or back to the queue.

    Steps are checkpoints: a finding is stored when it is made, the last one together with the end of the job, and a
    later attempt does not make it again. Every write carries the fencing number of the claim.
    """

    jobs: JobQueue
    parts: StepParts
    calls: CallRepository
    storage: RecordingStorage
    run_step: RunStep
    link: LinkOutside
    receive: ReceiveRecording
    source: AudioSource
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
            await self._put_back(claim, self._delay(claim.job, outage), outage.reason, burn_attempt=False)
            return "postponed"
        except asyncio.CancelledError:
            await asyncio.shield(self._put_back(claim, timedelta(0), None, burn_attempt=False))
            raise

    async def _process(self, claim: Claim) -> str:
        call = await call_in_work(self.calls, claim)
        recording = await self._recording(claim, call)
        if recording is None:
            return str(CallStatus.FAILED)
        attempt = _Attempt(claim, recording, AsyncExitStack())
        try:
            async with attempt.borrowed:
                await self._run_steps(attempt)
        except RecordingNotFound:
            lost = RecordingLost(
                f"the audio of call {call.id} is not in the storage any more; restore it and reprocess"
            )
            attempt.recording = attempt.recording.fail_unfinished(lost.reason, self.clock())
        return await self._conclude(attempt, call)

    async def _recording(self, claim: Claim, call: Call) -> Recording | None:
        """Return the stored recording, pulling it first if need be; None when the pull has failed for good."""
        try:
            return await self.calls.recording(call.id)
        except RecordingNotFound:
            if claim.job.source is None:
                msg = f"call {call.id} has no recording"
                raise LeaseLost(msg) from None
        try:
            return await self._pull(claim, call, claim.job.source)
        except (Unavailable, LeaseLost):
            raise
        except UploadExpired as expired:
            msg = f"the recording came in too slowly: {expired}"
            raise SourceUnavailable(msg) from expired
        except CallsError as refused:
            await self._finish(claim, call.fail(refused.reason, self.clock()), None)
            return None

    async def _pull(self, claim: Claim, call: Call, source: PullSource) -> Recording:
        with refusals_counted(self.telemetry):
            async with (
                self.source.fetch(source.url) as chunks,
                self.receive(source.filename, chunks) as received,
            ):
                recording = received.recording(call.id, self.analyzers.plan, self.clock())
                await self.jobs.accept_pulled(
                    claim,
                    Acceptance(
                        call=call,
                        recording=recording,
                        job=claim.job,
                        events=[attached(recording, self.new_id)],
                        held_key=received.storage_key,
                    ),
                )
        self.telemetry.upload_ended("accepted", recording.size_bytes)
        return recording

    async def _run_steps(self, attempt: _Attempt) -> None:
        while step := attempt.recording.next_step(attempt.postponed):
            if attempt.fresh:
                await self._save(attempt)
            if self.analyzers.reads_audio(step.analyzer):
                await self._audio(attempt)
            attempt.recording = attempt.recording.begin(step.analyzer, self.clock())
            outcome = await self._told(attempt, step)
            now = self.clock()
            match outcome:
                case Failed(reason):
                    attempt.recording = attempt.recording.fail(step.analyzer, reason, now)
                    attempt.recording = attempt.recording.skip_orphans(now, self.analyzers.tolerant)
                case Retry() as retry:
                    delay = self._delay(attempt.claim.job, retry)
                    attempt.postponed[step.analyzer] = retry
                    put_back = attempt.recording.wait if retry.awaiting else attempt.recording.postpone
                    attempt.recording = put_back(step.analyzer, retry.reason, now + delay, now)
                case Signal() | Transcript() | Facts() | Redaction() as finding:
                    attempt.recording = attempt.recording.complete(step.analyzer, finding, now)
            attempt.fresh.add(step.analyzer)
            faultpoint("worker.step_done")

    async def _audio(self, attempt: _Attempt) -> Path:
        if attempt.path is None:
            stored = attempt.recording
            copy = self.storage.local_copy(stored.storage_key, stored.size_bytes)
            attempt.path = await attempt.borrowed.enter_async_context(copy)
            faultpoint("worker.audio_opened")
        return attempt.path

    async def _told(self, attempt: _Attempt, step: Step) -> Outcome:
        """Run the step, measured and traced."""
        name, began = step.analyzer, time.monotonic()
        told: StepOutcome = "interrupted"
        facts: dict[str, Fact] = {"call_id": str(attempt.recording.call_id), "attempt": step.attempts + 1}
        with self.telemetry.span(f"step {name}", analyzer=name, **facts) as span:
            try:
                outcome = await self._shown_while_running(attempt, step)
                if isinstance(outcome, Redaction):
                    outcome = await self._with_copy(attempt, outcome)
                match outcome:
                    case Failed(reason):
                        told = "failed"
                        span.tell(error=reason.code)
                    case Retry(reason, outage):
                        told = "postponed" if outage else "crashed"
                        span.tell(error=reason.code)
                    case _:
                        told = "done"
                return outcome
            finally:
                span.tell(outcome=told)
                self.telemetry.step_ended(name, told, time.monotonic() - began)

    async def _with_copy(self, attempt: _Attempt, redaction: Redaction) -> Outcome:
        """Return the redaction once its audio is stored: until both are there, nobody is shown either.

        The analyzer may have read transcripts only, so that the audio is not borrowed yet.
        """
        path = await self._audio(attempt) if redaction.spans else NO_FILE
        make_copy = MakeRedactedCopy(self.jobs, self.receive, self.run_step.decoder)
        try:
            attempt.recording = await make_copy(attempt.claim, attempt.recording, path, redaction)
        except (AudioRefused, TooLarge) as error:
            return Failed(error.reason)
        except (Unavailable, AnalysisFailed, UploadExpired) as error:
            return Retry(error.reason, outage=isinstance(error, Unavailable))
        return redaction

    async def _shown_while_running(self, attempt: _Attempt, step: Step) -> Outcome:
        """Run the step; store that it runs only when it takes long enough for anybody to see."""
        recording = attempt.recording
        parts = _ClaimedParts(self.parts, attempt.claim, recording.id, step.analyzer)
        run = asyncio.create_task(
            self.run_step(
                step,
                attempt.path or NO_FILE,
                recording.filename,
                recording.findings,
                parts=parts,
                outside=self.link(recording),
            )
        )
        try:
            _, pending = await asyncio.wait({run}, timeout=SHOW_RUNNING_AFTER.total_seconds())
            if pending:
                await self.jobs.save_step(attempt.claim, recording, step.analyzer)
            return await run
        finally:
            await end_tasks(self.patience, run)

    async def _save(self, attempt: _Attempt) -> None:
        for analyzer in sorted(attempt.fresh):
            await self.jobs.save_step(attempt.claim, attempt.recording, analyzer)
        attempt.fresh.clear()
        faultpoint("worker.step_saved")

    async def _conclude(self, attempt: _Attempt, call: Call) -> str:
        claim, now = attempt.claim, self.clock()
        if claim.job.is_last_attempt:
            for analyzer, retry in tuple(attempt.postponed.items()):
                if not retry.outage:
                    attempt.recording = attempt.recording.fail(analyzer, retry.reason, now)
                    attempt.recording = attempt.recording.skip_orphans(now, self.analyzers.tolerant)
                    del attempt.postponed[analyzer]
        if waiting := tuple(attempt.postponed.values()):
            await self._save(attempt)
            only_outages = all(retry.outage for retry in waiting)
            delay = max(self._delay(claim.job, retry) for retry in waiting)
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

    def _delay(self, job: Job, cause: Retry | Unavailable) -> timedelta:
        if isinstance(cause, Retry) and cause.awaiting:
            return cause.retry_after or self.patience.lease
        if isinstance(cause, Retry) and not cause.outage:
            return self.patience.retry_delay(job.attempt)
        return self.patience.heeded(self.patience.outage_delay(job.deferrals), cause.retry_after)

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
