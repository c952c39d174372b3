"""Exports in a relational database."""

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, RowMapping, Select, delete, insert, literal_column, null, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from calls_adapters.sql.claims import change_held, lock, running
from calls_adapters.sql.database import Database
from calls_adapters.sql.keys import keep_answer
from calls_adapters.sql.rows import storable
from calls_adapters.sql.tables.calls import calls
from calls_adapters.sql.tables.governance import archived_calls, exports
from calls_adapters.sql.writing import doom, take_hold
from calls_core.errors import ExportNotFound, Reason
from calls_core.exports import (
    BUILD_ATTEMPTS,
    VOIDED,
    Archive,
    Export,
    ExportClaim,
    ExportContent,
    ExportId,
    ExportState,
)
from calls_core.hearing import Hears
from calls_core.ports import Exports, Receipt
from calls_core.recording import CallId
from calls_core.search import CallFilter

# Written out, not bound: SQLite finds its partial indexes by the text.
_open: Final[ColumnElement[bool]] = literal_column("state IN ('queued', 'running')")
_running: Final = running(exports)


class SqlExports(Exports):
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, export: Export, receipt: Receipt | None = None) -> None:
        async with self._database.write() as connection:
            await keep_answer(self._database, connection, receipt)
            await connection.execute(insert(exports).values(_row(export)))

    async def get(self, export_id: ExportId) -> Export:
        async with self._database.one() as connection:
            row = (await connection.execute(select(exports).where(exports.c.id == export_id))).mappings().one_or_none()
        if row is None:
            raise ExportNotFound(_missing(export_id))
        return _export(row)

    async def latest(self, limit: int, owner: str | None = None) -> Sequence[Export]:
        statement = select(exports).order_by(exports.c.id.desc()).limit(limit)
        if owner is not None:
            statement = statement.where(exports.c.owner == owner)
        async with self._database.one() as connection:
            return [_export(row) for row in (await connection.execute(statement)).mappings()]

    async def claim(self, worker: str, lease: timedelta) -> ExportClaim | None:
        now = self._database.now()
        due = _open & (exports.c.run_at <= now) & (exports.c.attempt < BUILD_ATTEMPTS) & (exports.c.expires_at > now)
        chosen = select(exports.c.id).where(due).order_by(exports.c.run_at, exports.c.id).limit(1)
        async with self._database.one() as connection:
            if await connection.scalar(chosen) is None:  # spares SQLite its one writer, every second
                return None
        changes = {
            "state": ExportState.RUNNING.value,
            "run_at": self._database.now(lease),
            "attempt": exports.c.attempt + 1,
            "token": exports.c.token + 1,
            "lease_owner": worker,
            "calls_done": 0,
            "calls_total": null(),
        }
        locked = chosen.with_for_update(skip_locked=True).scalar_subquery()
        statement = update(exports).where(exports.c.id == locked).values(changes).returning(*exports.c)
        async with self._database.change() as connection:
            row = (await connection.execute(statement)).mappings().one_or_none()
        return ExportClaim(export=_export(row), token=row["token"], worker=worker) if row else None

    async def renew(self, claim: ExportClaim, lease: timedelta, calls_done: int, calls_total: int | None) -> None:
        changes = {"run_at": self._database.now(lease), "calls_done": calls_done, "calls_total": calls_total}
        async with self._database.change() as connection:
            await change_held(connection, claim, changes)

    async def enclose(self, claim: ExportClaim, call_ids: Collection[CallId]) -> None:
        # Locked in the order of whoever erases a call: first the call, then the export.
        there = select(calls.c.id).where(calls.c.id.in_(call_ids)).order_by(calls.c.id)
        async with self._database.write() as connection:
            found = (await connection.scalars(there.with_for_update(read=True, key_share=True))).all()
            await lock(connection, claim)
            if found:
                rows = [{"export_id": claim.export.id, "call_id": key} for key in found]
                await connection.execute(self._database.insert(archived_calls).on_conflict_do_nothing(), rows)

    async def finish(self, claim: ExportClaim, archive: Archive, calls_done: int) -> None:
        changes = {
            **_ended(ExportState.DONE),
            "storage_key": archive.storage_key,
            "size_bytes": archive.size_bytes,
            "sha256": archive.sha256,
            "calls_done": calls_done,
            "calls_total": calls_done,
        }
        async with self._database.write() as connection:
            await change_held(connection, claim, changes)
            late = "the archive took too long and its bytes were cleared away"
            await take_hold(connection, archive.storage_key, late)

    async def fail(self, claim: ExportClaim, reason: Reason) -> None:
        async with self._database.change() as connection:
            await change_held(connection, claim, _failed(reason))

    async def put_back(self, claim: ExportClaim, delay: timedelta, *, burn_attempt: bool) -> None:
        changes: dict[str, Any] = {**_ended(ExportState.QUEUED), "run_at": self._database.now(delay)}
        if not burn_attempt:
            changes["attempt"] = exports.c.attempt - 1
        async with self._database.change() as connection:
            await change_held(connection, claim, changes)

    async def give_up(self, reason: Reason) -> int:
        hopeless = _open & (exports.c.run_at <= self._database.now()) & (exports.c.attempt >= BUILD_ATTEMPTS)
        async with self._database.change() as connection:
            return (await connection.execute(update(exports).where(hopeless).values(_failed(reason)))).rowcount

    async def holders(self) -> Collection[str]:
        async with self._database.one() as connection:
            return (await connection.scalars(select(exports.c.lease_owner).where(_open, _running).distinct())).all()

    async def end_leases(self, workers: Collection[str]) -> None:
        if not workers:
            return
        theirs = _open & _running & exports.c.lease_owner.in_(workers)
        async with self._database.change() as connection:
            await connection.execute(update(exports).where(theirs).values(run_at=self._database.now()))

    async def remove(self, export_id: ExportId) -> None:
        chosen = select(exports.c.id, exports.c.storage_key).where(exports.c.id == export_id)
        if await self._remove(chosen.with_for_update()) == 0:
            raise ExportNotFound(_missing(export_id))

    async def remove_expired(self, limit: int) -> int:
        expired = exports.c.expires_at <= self._database.now()
        chosen = select(exports.c.id, exports.c.storage_key).where(expired).order_by(exports.c.expires_at).limit(limit)
        async with self._database.one() as connection:
            if (await connection.execute(chosen.limit(1))).first() is None:
                return 0
        return await self._remove(chosen.with_for_update(skip_locked=True))

    async def _remove(self, chosen: Select[Any]) -> int:
        async with self._database.write() as connection:
            rows = (await connection.execute(chosen)).all()
            for row in rows:
                await connection.execute(delete(exports).where(exports.c.id == row.id))
            await doom(self._database, connection, [row.storage_key for row in rows if row.storage_key is not None])
        return len(rows)


async def void_archives(database: Database, connection: AsyncConnection, call_id: CallId) -> None:
    """Part of a transaction that erases the call, which must have it locked."""
    with_it = select(archived_calls.c.export_id).where(archived_calls.c.call_id == call_id)
    holding = select(exports.c.id, exports.c.state, exports.c.storage_key).where(exports.c.id.in_(with_it))
    for row in (await connection.execute(holding.order_by(exports.c.id).with_for_update())).all():
        this = update(exports).where(exports.c.id == row.id)
        if row.state == ExportState.RUNNING:
            anew = {"run_at": database.now(), "attempt": exports.c.attempt - 1, "token": exports.c.token + 1}
            await connection.execute(this.values(_ended(ExportState.QUEUED) | anew))
        elif row.storage_key is not None:
            nothing = {"storage_key": null(), "size_bytes": null(), "sha256": null(), "wanted": _encoded(CallFilter())}
            await connection.execute(this.values(_failed(VOIDED) | nothing))
            await doom(database, connection, [row.storage_key])


def _ended(state: ExportState) -> dict[str, Any]:
    return {"state": state.value, "lease_owner": null()}


def _failed(reason: Reason) -> dict[str, Any]:
    return {
        **_ended(ExportState.FAILED),
        "error_code": reason.code,
        "error_detail": storable(reason.detail),
    }


def _missing(export_id: ExportId) -> str:
    return f"there is no export {export_id}; it may have expired"


def _encoded(wanted: CallFilter) -> str:
    return msgspec.json.encode(wanted).decode()


def _row(export: Export) -> dict[str, Any]:
    return {
        "id": export.id,
        "owner": export.owner,
        "wanted": _encoded(export.wanted),
        "call_ids": msgspec.json.encode(export.call_ids).decode(),
        "hears": export.hears.value,
        "contents": " ".join(sorted(export.contents)),
        "created_at": export.created_at,
        "expires_at": export.expires_at,
        "state": export.state.value,
        "run_at": export.created_at,
        "attempt": export.attempt,
        "token": 0,
        "calls_done": export.calls_done,
    }


def _export(row: RowMapping) -> Export:
    archive = None
    if row["storage_key"] is not None:
        archive = Archive(storage_key=row["storage_key"], size_bytes=row["size_bytes"], sha256=row["sha256"])
    return Export(
        id=ExportId(row["id"]),
        owner=row["owner"],
        wanted=msgspec.json.decode(row["wanted"], type=CallFilter),
        call_ids=tuple(map(CallId, msgspec.json.decode(row["call_ids"], type=list[UUID]))),
        contents=frozenset(map(ExportContent, row["contents"].split())),
        hears=Hears(row["hears"]),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        state=ExportState(row["state"]),
        attempt=row["attempt"],
        calls_total=row["calls_total"],
        calls_done=row["calls_done"],
        archive=archive,
        failure=Reason(row["error_code"], row["error_detail"] or "") if row["error_code"] else None,
    )
