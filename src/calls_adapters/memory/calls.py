"""Calls in memory."""

from collections.abc import Sequence
from dataclasses import replace

from calls_adapters.memory.database import MemoryDatabase, StoredHold, StoredKey
from calls_core.audit import SYSTEM, Actor, AuditEntry
from calls_core.call import Call
from calls_core.errors import CallOnHold, RecordingNotFound
from calls_core.events import Event
from calls_core.job import Job
from calls_core.ports import ANSWERS_KEPT, Acceptance, Answer, CallRepository, KeyedAnswer, Receipt
from calls_core.recording import CallId, Recording


class MemoryCallRepository(CallRepository):
    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def add(self, call: Call, events: Sequence[Event]) -> Call:
        self._database.intake.require_open()
        return self._stored(call, events)

    async def add_once(self, call: Call, events: Sequence[Event], keyed: KeyedAnswer) -> Call | Answer:
        if answer := self._database.answer(keyed.owner, keyed.key, call.created_at):
            return answer
        stored = await self.add(call, events)
        if stored.id == call.id:
            until = call.created_at + ANSWERS_KEPT
            self._database.keys[keyed.owner, keyed.key] = StoredKey(0, until, keyed.answer, call.id)
        return stored

    async def add_pulled(self, call: Call, job: Job, events: Sequence[Event], receipt: Receipt | None = None) -> Call:
        if holder := self._database.holder(call.details.external_id):
            return holder
        self._database.require_claim(receipt)
        self._database.keep(receipt, call)
        self._database.queue(job)
        return self._stored(call, events)

    def _stored(self, call: Call, events: Sequence[Event]) -> Call:
        if holder := self._database.holder(call.details.external_id):
            return holder
        self._database.calls[call.id] = call
        self._database.events.extend(events)
        return call

    async def get(self, call_id: CallId) -> Call:
        return self._database.call(call_id)

    async def holder(self, external_id: str) -> Call | None:
        return self._database.holder(external_id)

    async def recording(self, call_id: CallId) -> Recording:
        self._database.call(call_id)
        try:
            return self._database.recordings[call_id]
        except KeyError:
            raise RecordingNotFound(f"call {call_id} has no recording") from None

    async def attach(self, acceptance: Acceptance) -> None:
        database, call = self._database, acceptance.call
        database.call(call.id)
        database.require_no_recording(call.id)
        database.require_read(call)
        database.require_hold(acceptance.held_key)
        database.require_claim(acceptance.receipt)
        database.require_token(acceptance.upload)
        database.save(call)
        database.keep(acceptance.receipt, call)
        database.accept(acceptance)
        database.queue(acceptance.job)

    async def ingest(self, acceptance: Acceptance) -> Call:
        database, call = self._database, acceptance.call
        if holder := database.holder(call.details.external_id):
            return holder
        database.require_hold(acceptance.held_key)
        database.require_claim(acceptance.receipt)
        database.require_token(acceptance.upload)
        database.calls[call.id] = call
        database.keep(acceptance.receipt, call)
        database.accept(acceptance)
        database.queue(acceptance.job)
        return call

    async def reprocess(
        self, call: Call, recording: Recording, job: Job, events: Sequence[Event], receipt: Receipt | None = None
    ) -> None:
        database = self._database
        database.require_read(call)
        database.require_claim(receipt)
        database.keep(receipt, call)
        database.save(call)
        database.recordings[call.id] = replace(recording, transcript_removed_at=None)
        database.queue(job)
        database.events.extend(events)

    async def erase(self, call_id: CallId, event: Event, by: Actor = SYSTEM, *, archives: bool = True) -> None:
        database = self._database
        if hold := database.call(call_id).hold:
            raise CallOnHold(f"call {call_id} is on a legal hold: {hold.reason}")
        if archives:
            database.void_archives(call_id, event.occurred_at)
        del database.calls[call_id]
        recording = database.recordings.pop(call_id, None)
        if recording is not None:
            database.clear_parts(recording.id)
            for kept in (recording, recording.redacted_copy):
                if kept is not None:
                    database.holds[kept.storage_key] = StoredHold(until=event.occurred_at, doomed=True)
        database.jobs = {key: stored for key, stored in database.jobs.items() if stored.job.call_id != call_id}
        database.keys = {key: stored for key, stored in database.keys.items() if stored.call_id != call_id}
        ended = {upload.id: upload for upload in database.uploads.values() if upload.call_id == call_id}
        database.doom((part.key for upload in ended.values() for part in upload.parts), event.occurred_at)
        database.uploads = {key: upload for key, upload in database.uploads.items() if key not in ended}
        database.events[:] = [earlier for earlier in database.events if earlier.call_id != call_id]
        database.deliveries = {key: d for key, d in database.deliveries.items() if d.delivery.event.call_id != call_id}
        database.feed[:] = [entry for entry in database.feed if entry.told.event.call_id != call_id]
        database.events.append(event)
        had_recording = recording is not None
        receipt = AuditEntry.of_erasure(event.id, event.occurred_at, by, call_id, had_recording=had_recording)
        database.audit.append(receipt)
