"""What the in-memory adapters keep between them, as the tables of a database would."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from calls_core.accounts import ApiKey, ApiKeyId, Session, SessionId, User, UserId
from calls_core.audit import AuditEntry
from calls_core.call import Call
from calls_core.delivery import Attempt, Delivery, DeliveryId
from calls_core.destination import Destination
from calls_core.errors import (
    CallNotFound,
    IdempotencyKeyInUse,
    Reason,
    RecordingExists,
    StaleCall,
    UploadConflict,
    UploadExpired,
)
from calls_core.events import DestinationId, Event
from calls_core.exports import VOIDED, Export, ExportId, ExportState
from calls_core.governance import Erasure, ErasureId
from calls_core.job import Job, JobId
from calls_core.ports import ANSWERS_KEPT, Acceptance, Answer, FeedEntry, IntakeState, Receipt, Upload, UploadId
from calls_core.recording import CallId, Recording, RecordingId
from calls_core.search import CallFilter


class JobState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"


@dataclass(slots=True)
class StoredJob:
    """A job with its place in the queue and its lease."""

    job: Job
    run_at: datetime
    state: JobState = JobState.QUEUED
    token: int = 0
    lease_owner: str | None = None
    lease_until: datetime | None = None
    announced_at: datetime | None = None
    last_error: Reason | None = None


@dataclass(slots=True)
class StoredDelivery:
    """A delivery with its lease and its log."""

    delivery: Delivery
    lease_until: datetime
    token: int = 0
    worker: str = ""
    log: list[Attempt] = field(default_factory=list)


@dataclass(slots=True)
class StoredHold:
    """*doomed* tells that the sweep has seen it: nobody can claim its bytes any more."""

    until: datetime
    doomed: bool = False


@dataclass(slots=True)
class StoredKey:
    """An idempotency key: claimed until then, or answered and kept until then."""

    token: int
    until: datetime
    answer: Answer | None = None
    call_id: CallId | None = None


@dataclass(slots=True)
class StoredExport:
    """An export in the queue: due, or its lease over, at *run_at*."""

    export: Export
    run_at: datetime
    token: int = 0
    lease_owner: str = ""
    enclosed: set[CallId] = field(default_factory=set)


@dataclass(slots=True)
class MemoryDatabase:
    """One for all adapters that shall see the same calls. Every public method checks first and then changes all."""

    calls: dict[CallId, Call] = field(default_factory=dict)
    recordings: dict[CallId, Recording] = field(default_factory=dict)
    jobs: dict[JobId, StoredJob] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    holds: dict[str, StoredHold] = field(default_factory=dict)
    parts: dict[tuple[RecordingId, str, str], bytes] = field(default_factory=dict)
    keys: dict[tuple[str, str], StoredKey] = field(default_factory=dict)
    uploads: dict[UploadId, Upload] = field(default_factory=dict)
    intake: IntakeState = field(default_factory=IntakeState)
    feed: list[FeedEntry] = field(default_factory=list)
    feed_begins_after: int = 0
    last_position: int = 0
    exports: dict[ExportId, StoredExport] = field(default_factory=dict)
    erasures: dict[ErasureId, Erasure] = field(default_factory=dict)
    users: dict[UserId, User] = field(default_factory=dict)
    sessions: dict[SessionId, Session] = field(default_factory=dict)
    api_keys: dict[ApiKeyId, ApiKey] = field(default_factory=dict)
    audit: list[AuditEntry] = field(default_factory=list)
    attempts: dict[str, tuple[int, datetime]] = field(default_factory=dict)
    destinations: dict[DestinationId, Destination] = field(default_factory=dict)
    deliveries: dict[DeliveryId, StoredDelivery] = field(default_factory=dict)

    def call(self, call_id: CallId) -> Call:
        try:
            return self.calls[call_id]
        except KeyError:
            raise CallNotFound(f"there is no call {call_id}") from None

    def save(self, changed: Call) -> None:
        """Store what has changed of a call; its hold, somebody may have changed meanwhile."""
        self.calls[changed.id] = replace(changed, hold=self.call(changed.id).hold)

    def holder(self, external_id: str | None) -> Call | None:
        if external_id is None:
            return None
        return next((call for call in self.calls.values() if call.details.external_id == external_id), None)

    def require_read(self, changed: Call) -> None:
        """Refuse *changed* when it was not made from the call as it is stored."""
        if self.call(changed.id).version != changed.version - 1:
            raise StaleCall(f"call {changed.id} was changed by someone else; read it again")

    def require_hold(self, key: str) -> None:
        hold = self.holds.get(key)
        if hold is None or hold.doomed:
            raise UploadExpired("the upload took too long and its bytes were cleared away; send the recording again")

    def require_no_recording(self, call_id: CallId) -> None:
        if call_id in self.recordings:
            raise RecordingExists(f"call {call_id} has a recording already; register another call for another one")

    def require_claim(self, receipt: Receipt | None) -> None:
        if receipt is None:
            return
        stored = self.keys.get((receipt.claim.owner, receipt.claim.key))
        if stored is None or stored.token != receipt.claim.token or stored.answer is not None:
            raise IdempotencyKeyInUse("another request with this Idempotency-Key was quicker; send it again")

    def answer(self, owner: str, key: str, now: datetime) -> Answer | None:
        """Return what is kept under a key, None if nobody has it; raise ``IdempotencyKeyInUse`` if it is claimed."""
        stored = self.keys.get((owner, key))
        if stored is None or stored.until <= now:
            return None
        if stored.answer is None:
            raise IdempotencyKeyInUse("a request with this Idempotency-Key is being answered; send it again later")
        return stored.answer

    def keep(self, receipt: Receipt | None, call: Call) -> None:
        """Keep the answer, for so long from when *call* was changed."""
        self.keep_answer(receipt, call.updated_at, call.id)

    def keep_answer(self, receipt: Receipt | None, now: datetime, call_id: CallId | None = None) -> None:
        if receipt is not None:
            stored = self.keys[receipt.claim.owner, receipt.claim.key]
            stored.until = now + ANSWERS_KEPT
            stored.answer, stored.call_id = receipt.answer, call_id

    def require_token(self, upload: Upload | None) -> None:
        stored = self.uploads.get(upload.id) if upload else None
        if upload and (stored is None or stored.token != upload.token or stored.finished):
            raise UploadConflict("somebody else goes on with this upload by now")

    def doom(self, keys: Iterable[str], now: datetime) -> None:
        """Leave bytes to the next sweep."""
        for key in keys:
            self.holds[key] = StoredHold(until=now, doomed=True)

    def finish_upload(self, upload: Upload, call_id: CallId, now: datetime) -> None:
        self.doom((part.key for part in upload.parts), now)
        self.uploads[upload.id] = replace(upload, call_id=call_id, details=None, parts=(), finished=True)

    def accept(self, acceptance: Acceptance) -> None:
        """Store the recording and its events, take the hold away, and finish the upload."""
        if acceptance.upload:
            self.finish_upload(acceptance.upload, acceptance.call.id, acceptance.recording.created_at)
        self.recordings[acceptance.recording.call_id] = acceptance.recording
        self.events.extend(acceptance.events)
        del self.holds[acceptance.held_key]

    def void_archives(self, call_id: CallId, now: datetime) -> None:
        for stored in self.exports.values():
            export = stored.export
            if call_id not in stored.enclosed:
                continue
            if export.state is ExportState.RUNNING:
                stored.export = replace(export, state=ExportState.QUEUED, attempt=export.attempt - 1)
                stored.run_at = now
            elif export.archive is not None:
                self.doom([export.archive.storage_key], now)
                stored.export = replace(
                    export, state=ExportState.FAILED, archive=None, wanted=CallFilter(), failure=VOIDED
                )

    def clear_parts(self, recording_id: RecordingId, analyzers: Collection[str] | None = None) -> None:
        """Remove the parts of the steps of *analyzers*, or of all."""
        for key in [k for k in self.parts if k[0] == recording_id and (analyzers is None or k[1] in analyzers)]:
            del self.parts[key]

    def queue(self, job: Job) -> None:
        self.jobs[job.id] = StoredJob(job, run_at=job.created_at)
