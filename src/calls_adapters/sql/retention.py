"""Legal holds, and what is too old, in a relational database."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Select, delete, exists, func, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from calls_adapters.sql.audit import store_entry
from calls_adapters.sql.database import Database
from calls_adapters.sql.rows import copy_row, storable
from calls_adapters.sql.speech import store_words
from calls_adapters.sql.tables.calls import calls
from calls_adapters.sql.tables.deliveries import events
from calls_adapters.sql.tables.jobs import LIVE, jobs
from calls_adapters.sql.tables.recordings import findings, recordings, step_parts, steps
from calls_adapters.sql.writing import doom
from calls_core.audit import AuditEntry
from calls_core.call import LegalHold
from calls_core.errors import CallNotFound
from calls_core.events import EventType
from calls_core.governance import Kept, Overdue
from calls_core.ports import LegalHolds, Retention
from calls_core.recording import CallId, RecordingId

WORDY: Final = frozenset({"transcript", "redaction"})
"""The kinds of findings that hold what was said."""

_in_work: Final[ColumnElement[bool]] = exists(select(literal(1)).where(jobs.c.call_id == calls.c.id, LIVE))
_free: Final = calls.c.hold_reason.is_(None) & ~_in_work


class SqlLegalHolds(LegalHolds):
    def __init__(self, database: Database) -> None:
        self._database = database

    async def place(self, call_id: CallId, hold: LegalHold, entry: AuditEntry) -> None:
        changes = {"hold_reason": storable(hold.reason), "hold_since": hold.since, "hold_by": hold.by}
        async with self._database.write() as connection:
            if (await connection.execute(update(calls).where(calls.c.id == call_id).values(changes))).rowcount == 0:
                raise CallNotFound(f"there is no call {call_id}")
            await store_entry(connection, entry)

    async def lift(self, call_id: CallId, entry: AuditEntry) -> None:
        held = (calls.c.id == call_id) & calls.c.hold_reason.is_not(None)
        nothing = {"hold_reason": None, "hold_since": None, "hold_by": None}
        async with self._database.write() as connection:
            if (await connection.execute(update(calls).where(held).values(nothing))).rowcount:
                await store_entry(connection, entry)
            elif await connection.scalar(select(calls.c.id).where(calls.c.id == call_id)) is None:
                raise CallNotFound(f"there is no call {call_id}")


class SqlRetention(Retention):
    def __init__(self, database: Database) -> None:
        self._database = database

    async def overdue(self, kept: Kept, before: datetime, limit: int) -> Sequence[CallId]:
        since = _since(kept)
        chosen = _overdue(kept, before, calls.c.id).where(_free).order_by(since).limit(limit)
        async with self._database.one() as connection:
            return [CallId(found) for found in await connection.scalars(chosen)]

    async def count(self, kept: Kept, before: datetime) -> Overdue:
        counted = (func.count(), func.coalesce(func.sum(recordings.c.size_bytes), 0))
        present = recordings.c.audio_removed_at.is_(None)
        if kept is Kept.CALLS:
            counted = (func.count(), func.coalesce(func.sum(recordings.c.size_bytes).filter(present), 0))
        async with self._database.read() as connection:
            free = (await connection.execute(_overdue(kept, before, *counted).where(_free))).one()
            held = await connection.scalar(_overdue(kept, before, func.count()).where(calls.c.hold_reason.is_not(None)))
        size = 0 if kept is Kept.TRANSCRIPTS else int(free[1])
        return Overdue(calls=free[0], held=held or 0, size_bytes=size)

    async def expire_audio(self, call_id: CallId, entry: AuditEntry) -> bool:
        async with self._database.write() as connection:
            if not await _taken(connection, call_id, entry.at):
                return False
            there = (recordings.c.call_id == call_id) & recordings.c.audio_removed_at.is_(None)
            keys = select(recordings.c.storage_key, recordings.c.redacted_key).where(there)
            found = (await connection.execute(keys)).one_or_none()
            if found is None:
                return False
            removed = {"audio_removed_at": entry.at, **copy_row(None)}
            await connection.execute(update(recordings).where(there).values(removed))
            await doom(self._database, connection, filter(None, found))
            await store_entry(connection, entry)
            return True

    async def expire_transcript(self, call_id: CallId, entry: AuditEntry) -> bool:
        async with self._database.write() as connection:
            if not await _taken(connection, call_id, entry.at):
                return False
            there = (recordings.c.call_id == call_id) & recordings.c.transcript_removed_at.is_(None)
            recording_id = await connection.scalar(select(recordings.c.id).where(there))
            if recording_id is None:
                return False
            if await self._forget_words(connection, call_id, recording_id):
                await store_entry(connection, entry)
            await connection.execute(update(recordings).where(there).values(transcript_removed_at=entry.at))
            return True

    async def _forget_words(self, connection: AsyncConnection, call_id: CallId, recording_id: RecordingId) -> bool:
        """Remove the findings that hold words, and those that were built on them; return whether there were any."""
        mine = findings.c.recording_id == recording_id
        rows = (
            await connection.execute(
                select(findings.c.analyzer, findings.c.kind, steps.c.after)
                .outerjoin(
                    steps,
                    (steps.c.recording_id == findings.c.recording_id) & (steps.c.analyzer == findings.c.analyzer),
                )
                .where(mine)
            )
        ).all()
        wordy = {row.analyzer for row in rows if row.kind in WORDY}
        if not wordy:
            return False
        built = {row.analyzer for row in rows if row.kind == "facts" and wordy & set(_names(row.after))}
        await connection.execute(delete(findings).where(mine, findings.c.analyzer.in_(wordy | built)))
        await connection.execute(delete(step_parts).where(step_parts.c.recording_id == recording_id))
        await store_words(self._database, connection, call_id, "")
        told = (events.c.call_id == call_id) & (events.c.type == EventType.CALL_READY.value)
        await connection.execute(delete(events).where(told))
        return True


def _names(after: str | None) -> list[str]:
    return msgspec.json.decode(after, type=list[str]) if after else []


def _since(kept: Kept) -> ColumnElement[datetime]:
    return calls.c.created_at if kept is Kept.CALLS else recordings.c.created_at


def _overdue(kept: Kept, before: datetime, *columns: ColumnElement[Any]) -> Select[Any]:
    old = _since(kept) <= before
    if kept is Kept.CALLS:
        return select(*columns).select_from(calls.outerjoin(recordings)).where(old)
    removed = recordings.c.audio_removed_at if kept is Kept.AUDIO else recordings.c.transcript_removed_at
    return select(*columns).select_from(recordings.join(calls)).where(old, removed.is_(None))


async def _taken(connection: AsyncConnection, call_id: CallId, now: datetime) -> bool:
    """Lock the call and make what was read of it stale; return false if it is held, in work or gone."""
    changes = {"version": calls.c.version + 1, "updated_at": now}
    locked = select(calls.c.id).where(calls.c.id == call_id).with_for_update()
    if await connection.scalar(locked) is None:
        return False
    # A statement of its own: only now can no new job come to be.
    return bool((await connection.execute(update(calls).where(calls.c.id == call_id, _free).values(changes))).rowcount)
