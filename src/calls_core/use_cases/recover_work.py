"""The sweep: what makes every accepted recording end, whatever died."""

import logging
from dataclasses import dataclass
from typing import Final

from calls_core.errors import (
    AnalysisFailed,
    CallNotFound,
    DeadlineExceeded,
    LeaseLost,
    RecordingNotFound,
    StorageUnavailable,
    WorkerLost,
)
from calls_core.job import Claim, Patience
from calls_core.ports import (
    CallRepository,
    Clock,
    Holds,
    IdempotencyKeys,
    JobQueue,
    NewId,
    RecordingStorage,
    Telemetry,
    Uploads,
    WakeUps,
    WorkerIsDead,
)
from calls_core.use_cases.process_recording import call_in_work, ended

BATCH: Final = 100

_log = logging.getLogger("calls.sweep")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What one sweep did.

    Jobs of dead workers queued again, jobs given up, wake-ups sent again, abandoned uploads and half-written files
    removed.
    """

    requeued: int = 0
    given_up: int = 0
    announced: int = 0
    uploads_cleared: int = 0
    leftovers_cleared: int = 0

    def __bool__(self) -> bool:
        return any((self.requeued, self.given_up, self.uploads_cleared, self.leftovers_cleared))


@dataclass(frozen=True, slots=True)
class RecoverWork:
    """Do once what any number of processes do every few seconds, without a leader.

    Why every accepted recording ends: each claim raises the attempt, which is bounded; waiting for an outage does not,
    but ends at the deadline; and every lease ends by itself.
    """

    jobs: JobQueue
    calls: CallRepository
    holds: Holds
    keys: IdempotencyKeys
    uploads: Uploads
    storage: RecordingStorage
    wake_ups: WakeUps
    is_dead: WorkerIsDead
    patience: Patience
    clock: Clock
    new_id: NewId
    telemetry: Telemetry

    async def __call__(self, worker: str) -> Recovered:
        await self.jobs.end_leases([name for name in await self.jobs.holders() if self.is_dead(name)])
        given_up = 0
        while claim := await self.jobs.claim_hopeless(worker, self.patience.lease):
            await self._give_up(claim)
            given_up += 1
        requeued = await self.jobs.requeue_expired(self.patience.retry_delay(1))
        self.telemetry.requeued(requeued)
        forgotten = await self.jobs.unannounced(BATCH, self.patience.lease)
        for job_id in forgotten:
            await self.wake_ups.wake(job_id)
        await self.keys.forget(BATCH * 10, self.patience.long_sleep)
        for upload in await self.uploads.expired(BATCH):
            await self.uploads.remove(upload)
        uploads, leftovers = await self._clear_storage()
        recovered = Recovered(
            requeued=requeued,
            given_up=given_up,
            announced=len(forgotten),
            uploads_cleared=uploads,
            leftovers_cleared=leftovers,
        )
        if recovered:
            _log.info("sweep: %s", recovered)
        return recovered

    async def _give_up(self, claim: Claim) -> None:
        now = self.clock()
        error: AnalysisFailed
        if now >= claim.job.deadline_at:
            error = DeadlineExceeded(f"not processed by {claim.job.deadline_at:%Y-%m-%d %H:%M} UTC; reprocess it")
        else:
            error = WorkerLost(f"{claim.job.attempt} workers died on it; look at their logs before reprocessing")
        try:
            call = await call_in_work(self.calls, claim)
            try:
                found = await self.calls.recording(call.id)
            except RecordingNotFound:
                recording, call = None, call.fail(error.reason, now)
            else:
                recording = found.fail_unfinished(error.reason, now)
                call = call.finish_processing(recording, now)
            await self.jobs.finish(claim, call, recording, [ended(call, self.new_id)])
            self.telemetry.gave_up(error.code)
            self.telemetry.call_ended(call)
        except (CallNotFound, LeaseLost) as gone:
            _log.info("job %s needs no giving up: %s", claim.job.id, gone)

    async def _clear_storage(self) -> tuple[int, int]:
        try:
            abandoned = await self.holds.expired(BATCH, self.patience.long_sleep)
            for key in abandoned:
                await self.storage.delete(key)
            for key in await self.holds.doomed(BATCH):
                await self.storage.delete(key)
                await self.holds.drop(key)
            return len(abandoned), await self.storage.clear_leftovers()
        except StorageUnavailable as error:
            _log.warning("abandoned uploads stay for now: %s", error)
            return 0, 0
