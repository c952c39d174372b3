"""The steps of a recording, as far as one attempt gets with them."""

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

from calls_core.errors import (
    AnalysisFailed,
    AudioRefused,
    RecordingLost,
    RecordingNotFound,
    TooLarge,
    Unavailable,
    UploadExpired,
)
from calls_core.faultpoint import faultpoint
from calls_core.findings import Facts, Redaction, Signal, Transcript
from calls_core.job import Claim, Job, Patience
from calls_core.ports import (
    Analyzers,
    Clock,
    Fact,
    JobQueue,
    Parts,
    RecordingStorage,
    StepOutcome,
    StepParts,
    Telemetry,
)
from calls_core.recording import Recording, RecordingId, Step
from calls_core.use_cases.hold_lease import end_tasks
from calls_core.use_cases.link_outside import LinkOutside
from calls_core.use_cases.make_redacted_copy import MakeRedactedCopy
from calls_core.use_cases.run_step import Failed, Outcome, Retry, RunStep

NO_FILE: Final = Path("no-file")
SHOW_RUNNING_AFTER: Final = timedelta(seconds=1)


@dataclass(slots=True)
class Attempt:
    """How far one claim has come. *fresh* findings are not stored yet; *postponed* steps wait for another attempt.

    *path* is the audio once it is *borrowed*, which is when somebody asks for it.
    """

    claim: Claim
    recording: Recording
    borrowed: AsyncExitStack = field(default_factory=AsyncExitStack)
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
class AttemptSteps:
    """Run the steps that are not done, in the order in which they build on each other.

    Each finding is stored before the next step begins, but for the last, which is stored with the end of the job.
    """

    jobs: JobQueue
    parts: StepParts
    storage: RecordingStorage
    run_step: RunStep
    link: LinkOutside
    make_copy: MakeRedactedCopy
    analyzers: Analyzers
    patience: Patience
    clock: Clock
    telemetry: Telemetry

    async def __call__(self, claim: Claim, recording: Recording) -> Attempt:
        """Return how far it came. Audio that is gone fails whatever is not finished.

        Raises:
            LeaseLost: the job is somebody else's by now.
            Unavailable: the storage or the database does not answer.
        """
        attempt = Attempt(claim, recording)
        try:
            async with attempt.borrowed:
                await self._run(attempt)
        except RecordingNotFound:
            lost = RecordingLost(
                f"the audio of call {recording.call_id} is not in the storage any more; restore it and reprocess"
            )
            attempt.recording = attempt.recording.fail_unfinished(lost.reason, self.clock())
        return attempt

    async def save(self, attempt: Attempt) -> None:
        """Store what the fresh steps of *attempt* found.

        Raises:
            LeaseLost: the job is somebody else's by now.
        """
        for analyzer in sorted(attempt.fresh):
            await self.jobs.save_step(attempt.claim, attempt.recording, analyzer)
        attempt.fresh.clear()
        faultpoint("worker.step_saved")

    async def _run(self, attempt: Attempt) -> None:
        while step := attempt.recording.next_step(attempt.postponed):
            if attempt.fresh:
                await self.save(attempt)
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
                    delay = delay_after(retry, attempt.claim.job, self.patience)
                    attempt.postponed[step.analyzer] = retry
                    put_back = attempt.recording.wait if retry.awaiting else attempt.recording.postpone
                    attempt.recording = put_back(step.analyzer, retry.reason, now + delay, now)
                case Signal() | Transcript() | Facts() | Redaction() as finding:
                    attempt.recording = attempt.recording.complete(step.analyzer, finding, now)
            attempt.fresh.add(step.analyzer)
            faultpoint("worker.step_done")

    async def _audio(self, attempt: Attempt) -> Path:
        if attempt.path is None:
            stored = attempt.recording
            copy = self.storage.local_copy(stored.storage_key, stored.size_bytes)
            attempt.path = await attempt.borrowed.enter_async_context(copy)
            faultpoint("worker.audio_opened")
        return attempt.path

    async def _told(self, attempt: Attempt, step: Step) -> Outcome:
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

    async def _with_copy(self, attempt: Attempt, redaction: Redaction) -> Outcome:
        """Return the redaction once its audio is stored: until both are there, nobody is shown either.

        The analyzer may have read transcripts only, so that the audio is not borrowed yet.
        """
        path = await self._audio(attempt) if redaction.spans else NO_FILE
        try:
            attempt.recording = await self.make_copy(attempt.claim, attempt.recording, path, redaction)
        except (AudioRefused, TooLarge) as error:
            return Failed(error.reason)
        except (Unavailable, AnalysisFailed, UploadExpired) as error:
            return Retry(error.reason, outage=isinstance(error, Unavailable))
        return redaction

    async def _shown_while_running(self, attempt: Attempt, step: Step) -> Outcome:
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


def delay_after(cause: Retry | Unavailable, job: Job, patience: Patience) -> timedelta:
    """Return how long *job* waits for its next attempt because of *cause*."""
    if isinstance(cause, Retry) and cause.awaiting:
        return cause.retry_after or patience.lease
    if isinstance(cause, Retry) and not cause.outage:
        return patience.retry_delay(job.attempt)
    return patience.heeded(patience.outage_delay(job.deferrals), cause.retry_after)
