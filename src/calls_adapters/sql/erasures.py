"""Orders to erase in a relational database."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from calls_adapters.sql.database import Database
from calls_adapters.sql.keys import keep_answer
from calls_adapters.sql.tables.governance import erased_calls, erasures
from calls_adapters.sql.writing import overwriting
from calls_core.errors import ErasureNotFound
from calls_core.governance import ErasedCall, Erasure, ErasureId, ErasureOutcome
from calls_core.ports import Erasures, Receipt
from calls_core.recording import CallId


class SqlErasures(Erasures):
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, erasure: Erasure, receipt: Receipt | None = None) -> None:
        row = {name: getattr(erasure, name) for name in erasures.c.keys()}  # noqa: SIM118 (not a dict)
        async with self._database.write() as connection:
            await keep_answer(self._database, connection, receipt)
            await connection.execute(insert(erasures).values(row))

    async def get(self, erasure_id: ErasureId) -> Erasure:
        async with self._database.read() as connection:
            found = await connection.execute(select(erasures).where(erasures.c.id == erasure_id))
            row = found.mappings().one_or_none()
            if row is None:
                raise ErasureNotFound(f"there is no erasure {erasure_id}")
            return await _whole(connection, row)

    async def unfinished(self) -> Sequence[Erasure]:
        open_ones = select(erasures).where(erasures.c.finished_at.is_(None)).order_by(erasures.c.id)
        async with self._database.read() as connection:
            rows = (await connection.execute(open_ones)).mappings().all()
            return [await _whole(connection, row) for row in rows]

    async def note(self, erasure_id: ErasureId, call: ErasedCall) -> None:
        row = {
            "erasure_id": erasure_id,
            "call_id": call.call_id,
            "outcome": call.outcome.value,
            "at": call.at,
            "sha256": call.sha256,
            "size_bytes": call.size_bytes,
        }
        async with self._database.change() as connection:
            await connection.execute(overwriting(erased_calls, self._database.insert(erased_calls)), row)

    async def finish(self, erasure_id: ErasureId, at: datetime) -> None:
        unfinished = (erasures.c.id == erasure_id) & erasures.c.finished_at.is_(None)
        async with self._database.change() as connection:
            await connection.execute(update(erasures).where(unfinished).values(finished_at=at, number=None))


async def _whole(connection: AsyncConnection, row: RowMapping) -> Erasure:
    lines = select(erased_calls).where(erased_calls.c.erasure_id == row["id"]).order_by(erased_calls.c.call_id)
    known: dict[str, Any] = dict(row)
    return Erasure(
        **(known | {"id": ErasureId(row["id"])}),
        calls=tuple(
            ErasedCall(
                call_id=CallId(line.call_id),
                outcome=ErasureOutcome(line.outcome),
                at=line.at,
                sha256=line.sha256,
                size_bytes=line.size_bytes,
            )
            for line in await connection.execute(lines)
        ),
    )
