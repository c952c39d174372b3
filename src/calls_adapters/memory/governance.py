"""Legal holds, retention and erasures in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from calls_adapters.memory.database import JobState, MemoryDatabase, StoredHold
from calls_core.audit import AuditEntry
from calls_core.call import Call, LegalHold
from calls_core.errors import ErasureNotFound
from calls_core.events import EventType
from calls_core.findings import Facts, Redaction, Transcript
from calls_core.governance import ErasedCall, Erasure, ErasureId, Kept, Overdue
from calls_core.ports import Erasures, LegalHolds, Receipt, Retention
from calls_core.recording import CallId, Recording


class MemoryLegalHolds(LegalHolds):
    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def place(self, call_id: CallId, hold: LegalHold, entry: AuditEntry) -> None:
        self._database.calls[call_id] = replace(self._database.call(call_id), hold=hold)
        self._database.audit.append(entry)

    async def lift(self, call_id: CallId, entry: AuditEntry) -> None:
        call = self._database.call(call_id)
        if call.hold is not None:
            self._database.calls[call_id] = replace(call, hold=None)
            self._database.audit.append(entry)


class MemoryRetention(Retention):
    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def overdue(self, kept: Kept, before: datetime, limit: int) -> Sequence[CallId]:
        found = [(since, call.id) for since, call in self._old(kept, before) if self._is_free(call)]
        return [call_id for _since, call_id in sorted(found)][:limit]

    async def count(self, kept: Kept, before: datetime) -> Overdue:
        old = [call for _since, call in self._old(kept, before)]
        free = [call for call in old if self._is_free(call)]
        recordings = [self._database.recordings.get(call.id) for call in free]
        sizes = [found.size_bytes for found in recordings if found and found.audio_removed_at is None]
        size = 0 if kept is Kept.TRANSCRIPTS else sum(sizes)
        return Overdue(calls=len(free), held=sum(call.hold is not None for call in old), size_bytes=size)

    async def expire_audio(self, call_id: CallId, entry: AuditEntry) -> bool:
        recording = self._taken(call_id, entry.at)
        if recording is None or recording.audio_removed_at is not None:
            return False
        self._database.recordings[call_id] = replace(recording, audio_removed_at=entry.at, redacted_copy=None)
        keys = [recording.storage_key, *([recording.redacted_copy.storage_key] if recording.redacted_copy else [])]
        for key in keys:
            self._database.holds[key] = StoredHold(until=entry.at, doomed=True)
        self._database.audit.append(entry)
        return True

    async def expire_transcript(self, call_id: CallId, entry: AuditEntry) -> bool:
        recording = self._taken(call_id, entry.at)
        if recording is None or recording.transcript_removed_at is not None:
            return False
        wordy = {name for name, found in recording.findings.items() if isinstance(found, Transcript | Redaction)}
        built = {step.analyzer for step in recording.steps if wordy & set(step.after)}
        findings = {
            name: found
            for name, found in recording.findings.items()
            if name not in wordy and not (name in built and isinstance(found, Facts))
        }
        self._database.recordings[call_id] = replace(recording, findings=findings, transcript_removed_at=entry.at)
        if wordy:
            self._database.clear_parts(recording.id)
            self._forget_events(call_id)
            self._database.audit.append(entry)
        return True

    def _forget_events(self, call_id: CallId) -> None:
        database = self._database
        gone = {e.id for e in database.events if e.call_id == call_id and e.type is EventType.CALL_READY}
        database.events[:] = [event for event in database.events if event.id not in gone]
        database.feed[:] = [entry for entry in database.feed if entry.told.event.id not in gone]
        database.deliveries = {key: d for key, d in database.deliveries.items() if d.delivery.event.id not in gone}

    def _taken(self, call_id: CallId, now: datetime) -> Recording | None:
        call = self._database.calls.get(call_id)
        if call is None or not self._is_free(call) or call_id not in self._database.recordings:
            return None
        self._database.calls[call_id] = replace(call, version=call.version + 1, updated_at=now)
        return self._database.recordings[call_id]

    def _old(self, kept: Kept, before: datetime) -> list[tuple[datetime, Call]]:
        if kept is Kept.CALLS:
            every = [(call.created_at, call) for call in self._database.calls.values()]
        else:
            every = [
                (found.created_at, self._database.calls[call_id])
                for call_id, found in self._database.recordings.items()
                if (found.audio_removed_at if kept is Kept.AUDIO else found.transcript_removed_at) is None
            ]
        return [(since, call) for since, call in every if since <= before]

    def _is_free(self, call: Call) -> bool:
        in_work = (s for s in self._database.jobs.values() if s.job.call_id == call.id and s.state is not JobState.DONE)
        return call.hold is None and not any(in_work)


class MemoryErasures(Erasures):
    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def add(self, erasure: Erasure, receipt: Receipt | None = None) -> None:
        self._database.require_claim(receipt)
        self._database.keep_answer(receipt, erasure.created_at)
        self._database.erasures[erasure.id] = erasure

    async def get(self, erasure_id: ErasureId) -> Erasure:
        if erasure_id not in self._database.erasures:
            raise ErasureNotFound(f"there is no erasure {erasure_id}")
        return self._database.erasures[erasure_id]

    async def unfinished(self) -> Sequence[Erasure]:
        found = (erasure for erasure in self._database.erasures.values() if erasure.finished_at is None)
        return sorted(found, key=lambda erasure: erasure.id)

    async def note(self, erasure_id: ErasureId, call: ErasedCall) -> None:
        erasure = await self.get(erasure_id)
        lines = {line.call_id: line for line in erasure.calls} | {call.call_id: call}
        ordered = tuple(lines[key] for key in sorted(lines))
        self._database.erasures[erasure_id] = replace(erasure, calls=ordered)

    async def finish(self, erasure_id: ErasureId, at: datetime) -> None:
        erasure = await self.get(erasure_id)
        if erasure.finished_at is None:
            self._database.erasures[erasure_id] = replace(erasure, finished_at=at, number=None)
