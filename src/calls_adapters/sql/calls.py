"""Calls and their recordings in a relational database."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from calls_adapters.sql.adding import AddAtOnce, add_in_steps
from calls_adapters.sql.audit import store_entry
from calls_adapters.sql.database import Database
from calls_adapters.sql.exports import void_archives
from calls_adapters.sql.intake import SqlIntakeSwitch
from calls_adapters.sql.keys import SqlIdempotencyKeys, keep_answer
from calls_adapters.sql.rows import call_changes, call_from, recording_from
from calls_adapters.sql.standing import Standing, Taken
from calls_adapters.sql.tables.calls import calls
from calls_adapters.sql.tables.deliveries import events as stored_events
from calls_adapters.sql.tables.jobs import jobs
from calls_adapters.sql.tables.recordings import findings, recordings, steps
from calls_adapters.sql.uploads import end_uploads, finish_upload
from calls_adapters.sql.writing import accept, doom, store_call, store_events, store_findings, store_job, store_steps
from calls_core.audit import SYSTEM, Actor, AuditEntry
from calls_core.call import Call
from calls_core.errors import CallNotFound, CallOnHold, RecordingExists, RecordingNotFound, StaleCall
from calls_core.events import Event
from calls_core.job import Job
from calls_core.ports import Acceptance, Answer, CallRepository, KeyedAnswer, Receipt
from calls_core.recording import CallId, Recording

_GET: Final = Standing(select(calls).where(calls.c.id == bindparam("call_id")))
_HOLDER: Final = Standing(select(calls).where(calls.c.external_id == bindparam("external_id")))
_RECORDING: Final = Standing(
    select(
        recordings.c.id.label("recording_id"),
        *(column for column in recordings.c if column.name != "id"),
        *(column for column in steps.c if column.name not in {"recording_id", "started_at"}),
        steps.c.started_at.label("step_started_at"),
        findings.c.kind,
        findings.c.payload,
    )
    .select_from(
        calls.outerjoin(recordings, recordings.c.call_id == calls.c.id)
        .outerjoin(steps, steps.c.recording_id == recordings.c.id)
        .outerjoin(
            findings,
            (findings.c.recording_id == recordings.c.id) & (findings.c.analyzer == steps.c.analyzer),
        )
    )
    .where(calls.c.id == bindparam("wanted_call_id"))
    .order_by(steps.c.position)
)


class SqlCallRepository(CallRepository):
    def __init__(self, database: Database) -> None:
        self._database = database
        self._keys = SqlIdempotencyKeys(database)
        self._intake = SqlIntakeSwitch(database)
        self._at_once = AddAtOnce(database) if database.is_postgres else None

    async def add(self, call: Call, events: Sequence[Event]) -> Call:
        stored = await self._added(call, events)
        assert isinstance(stored, Call)  # noqa: S101 (without a key there is no answer)
        return stored

    async def add_once(self, call: Call, events: Sequence[Event], keyed: KeyedAnswer) -> Call | Answer:
        return await self._added(call, events, keyed)

    async def add_pulled(self, call: Call, job: Job, events: Sequence[Event], receipt: Receipt | None = None) -> Call:
        return await self._once(call, lambda: self._pulled(call, job, events, receipt))

    async def get(self, call_id: CallId) -> Call:
        rows = await self._database.rows(_GET, {"call_id": call_id})
        if not rows:
            raise CallNotFound(_missing(call_id))
        return call_from(rows[0])

    async def holder(self, external_id: str) -> Call | None:
        rows = await self._database.rows(_HOLDER, {"external_id": external_id})
        return call_from(rows[0]) if rows else None

    async def recording(self, call_id: CallId) -> Recording:
        rows = await self._database.rows(_RECORDING, {"wanted_call_id": call_id})
        if not rows:
            raise CallNotFound(_missing(call_id))
        if rows[0]["recording_id"] is None:
            msg = f"call {call_id} has no recording"
            raise RecordingNotFound(msg)
        return recording_from(rows)

    async def attach(self, acceptance: Acceptance) -> None:
        async with self._database.write() as connection:
            await _save(connection, acceptance.call)
            await keep_answer(self._database, connection, acceptance.receipt, acceptance.call.id)
            await accept(self._database, connection, acceptance)
            await finish_upload(self._database, connection, acceptance.upload, acceptance.call.id)
            await store_job(connection, acceptance.job)

    async def ingest(self, acceptance: Acceptance) -> Call:
        return await self._once(acceptance.call, lambda: self._ingested(acceptance))

    async def reprocess(
        self, call: Call, recording: Recording, job: Job, events: Sequence[Event], receipt: Receipt | None = None
    ) -> None:
        async with self._database.write() as connection:
            await _save(connection, call, has_recording=True)
            await keep_answer(self._database, connection, receipt, call.id)
            await store_steps(self._database, connection, recording, [step.analyzer for step in recording.steps])
            await store_findings(self._database, connection, recording, ())
            again = update(recordings).where(recordings.c.id == recording.id).values(transcript_removed_at=None)
            await connection.execute(again)
            await store_job(connection, job)
            await store_events(connection, events)

    async def erase(self, call_id: CallId, event: Event, by: Actor = SYSTEM, *, archives: bool = True) -> None:
        async with self._database.write() as connection:
            # Workers lock the job before the call. In the other order we could lock each other out.
            await connection.execute(select(jobs.c.id).where(jobs.c.call_id == call_id).with_for_update())
            held = select(calls.c.hold_reason).where(calls.c.id == call_id).with_for_update()
            if (reason := await connection.scalar(held)) is not None:
                raise CallOnHold(f"call {call_id} is on a legal hold: {reason}")
            kept = select(recordings.c.storage_key, recordings.c.redacted_key).where(recordings.c.call_id == call_id)
            row = (await connection.execute(kept)).one_or_none()
            if archives:
                await void_archives(self._database, connection, call_id)
            keys = [key for key in row or () if key is not None]
            if (await connection.execute(delete(calls).where(calls.c.id == call_id))).rowcount == 0:
                raise CallNotFound(_missing(call_id))
            await doom(self._database, connection, keys)
            await end_uploads(self._database, connection, call_id)
            await connection.execute(delete(stored_events).where(stored_events.c.call_id == call_id))
            await store_events(connection, [event])
            receipt = AuditEntry.of_erasure(event.id, event.occurred_at, by, call_id, had_recording=bool(keys))
            await store_entry(connection, receipt)

    async def _once(self, call: Call, store: Callable[[], Awaitable[bool]]) -> Call:
        """Return *call* when *store* has stored it, or else the holder of its ``external_id``."""
        while not await store():
            if holder := await self._holder(call):
                return holder
            # The holder was erased in this very moment: the external_id is free again.
        return call

    async def _holder(self, call: Call) -> Call | None:
        return None if call.details.external_id is None else await self.holder(call.details.external_id)

    async def _added(self, call: Call, events: Sequence[Event], keyed: KeyedAnswer | None = None) -> Call | Answer:
        """Try, and look for the reason where it was in vain: that costs those nothing who come with something new."""
        at_once = self._at_once
        while True:
            with suppress(Taken):
                if at_once is not None:
                    is_stored = await at_once(call, events, keyed)
                else:
                    is_stored = await add_in_steps(self._database, call, events, keyed)
                if is_stored:
                    return call
            if keyed is not None and (answer := await self._keys.answer(keyed.owner, keyed.key)) is not None:
                return answer
            (await self._intake.state()).require_open()
            if holder := await self._holder(call):
                return holder
            # What was in the way went in this very moment, or it is a key that is over.
            at_once = None

    async def _pulled(self, call: Call, job: Job, events: Sequence[Event], receipt: Receipt | None) -> bool:
        async with self._database.write() as connection:
            if not await store_call(self._database, connection, call):
                return False
            await keep_answer(self._database, connection, receipt, call.id)
            await store_job(connection, job)
            await store_events(connection, events)
            return True

    async def _ingested(self, acceptance: Acceptance) -> bool:
        async with self._database.write() as connection:
            if not await store_call(self._database, connection, acceptance.call):
                return False
            await keep_answer(self._database, connection, acceptance.receipt, acceptance.call.id)
            await accept(self._database, connection, acceptance)
            await finish_upload(self._database, connection, acceptance.upload, acceptance.call.id)
            await store_job(connection, acceptance.job)
            return True


async def _save(connection: AsyncConnection, call: Call, *, has_recording: bool = False) -> None:
    """Save a call that was made from version ``call.version - 1``.

    Raises:
        CallNotFound, StaleCall: it is not there, or in another version.
        RecordingExists: that is because somebody attached a recording; unless it *has_recording* rightly.
    """
    as_read = (calls.c.id == call.id) & (calls.c.version == call.version - 1)
    if (await connection.execute(update(calls).where(as_read).values(call_changes(call)))).rowcount:
        return
    if await connection.scalar(select(calls.c.id).where(calls.c.id == call.id)) is None:
        raise CallNotFound(_missing(call.id))
    attached = await connection.scalar(select(recordings.c.id).where(recordings.c.call_id == call.id))
    if attached is not None and not has_recording:
        msg = f"call {call.id} has a recording already; register another call for another one"
        raise RecordingExists(msg)
    msg = f"call {call.id} was changed by someone else; read it again"
    raise StaleCall(msg)


def _missing(call_id: CallId) -> str:
    return f"there is no call {call_id}"
