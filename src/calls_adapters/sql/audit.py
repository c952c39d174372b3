"""The audit log in a relational database."""

import json
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import RowMapping, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from calls_adapters.sql.database import Database
from calls_adapters.sql.rows import storable
from calls_adapters.sql.tables.governance import audit
from calls_core.audit import Actor, AuditEntry, AuditFilter
from calls_core.ports import AuditLog


class SqlAuditLog(AuditLog):
    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, entry: AuditEntry) -> None:
        async with self._database.change() as connection:
            await store_entry(connection, entry)

    async def page(self, wanted: AuditFilter, limit: int, before: UUID | None = None) -> Sequence[AuditEntry]:
        statement = select(audit).order_by(audit.c.id.desc()).limit(limit)
        if before is not None:
            statement = statement.where(audit.c.id < before)
        if wanted.action is not None:
            statement = statement.where(audit.c.action == storable(wanted.action))
        if wanted.actor is not None:
            statement = statement.where(audit.c.actor == storable(wanted.actor))
        if wanted.call_id is not None:
            statement = statement.where(audit.c.call_id == wanted.call_id)
        async with self._database.one() as connection:
            return [_entry(row) for row in (await connection.execute(statement)).mappings()]


async def store_entry(connection: AsyncConnection, entry: AuditEntry) -> None:
    row = {
        "id": entry.id,
        "at": entry.at,
        "action": entry.action,
        "call_id": entry.call_id,
        "actor": entry.actor.id,
        "actor_name": entry.actor.name,
        "ip": entry.actor.address,
        "details": storable(json.dumps(dict(entry.details), ensure_ascii=False)),
    }
    await connection.execute(insert(audit).values(row))


def _entry(row: RowMapping) -> AuditEntry:
    return AuditEntry(
        id=row["id"],
        at=row["at"],
        action=row["action"],
        actor=Actor(id=row["actor"], name=row["actor_name"], address=row["ip"]),
        call_id=row["call_id"],
        details=json.loads(row["details"]),
    )
