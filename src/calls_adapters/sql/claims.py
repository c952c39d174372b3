"""Claims on rows, for jobs, deliveries and exports: a lease that ends by itself, a token that grows with every claim.

Such a table has the columns state, run_at, attempt, token and lease_owner. Jobs and deliveries have lease_until, too;
an export that is being made is due again when its lease has ended.
"""

from collections.abc import Collection, Mapping
from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Table, Update, bindparam, literal_column, null, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from calls_adapters.sql.database import Database
from calls_adapters.sql.tables.deliveries import deliveries
from calls_adapters.sql.tables.governance import exports
from calls_adapters.sql.tables.jobs import jobs
from calls_core.delivery import DeliveryClaim
from calls_core.errors import LeaseLost
from calls_core.exports import ExportClaim
from calls_core.job import Claim

AnyClaim: TypeAlias = Claim | DeliveryClaim | ExportClaim


def queued(table: Table) -> ColumnElement[bool]:
    """Written out, not bound: SQLite finds its partial indexes by the text."""
    return table.c.state == literal_column("'queued'")


def running(table: Table) -> ColumnElement[bool]:
    return table.c.state == literal_column("'running'")


def chosen(table: Table, fits: ColumnElement[bool], limit: int, *order: ColumnElement[Any]) -> Select[tuple[UUID]]:
    """Return the first rows that fit and that nobody else is about to take."""
    return select(table.c.id).where(fits).order_by(*order).limit(limit).with_for_update(skip_locked=True)


def leased(table: Table, database: Database, **raised: ColumnElement[int]) -> dict[str, Any]:
    """Return the changes of a claim by ``worker`` until the moment ``until``, both to be given."""
    return {
        "state": "running",
        "token": table.c.token + 1,
        "lease_owner": bindparam("worker", type_=table.c.lease_owner.type),
        "lease_until": database.moment("until"),
        **raised,
    }


def freed(state: str = "queued") -> dict[str, Any]:
    return {"state": state, "lease_owner": null(), "lease_until": null()}


def holders(table: Table) -> Select[str]:
    """Return the question for the names of all that hold a lease."""
    return select(table.c.lease_owner).where(running(table)).distinct()


def leases_ended(table: Table, workers: Collection[str], database: Database) -> Update:
    """Return the change that ends the leases of *workers* now."""
    theirs = running(table) & table.c.lease_owner.in_(workers)
    return update(table).where(theirs).values(lease_until=database.now())


def held(claim: AnyClaim) -> ColumnElement[bool]:
    """Return the condition, which every write of a worker carries, that the row is still held by *claim*."""
    _, table, key = _row(claim)
    return (table.c.id == key) & (table.c.token == claim.token) & running(table)


async def change_held(connection: AsyncConnection, claim: AnyClaim, changes: Mapping[str, Any]) -> None:
    """Change the row of *claim*.

    Raises:
        LeaseLost: it is not held any more.
    """
    _, table, _ = _row(claim)
    require_held(claim, (await connection.execute(update(table).where(held(claim)).values(changes))).rowcount)


async def lock(connection: AsyncConnection, claim: AnyClaim) -> None:
    """Keep everybody else from claiming the row until the transaction ends."""
    _, table, _ = _row(claim)
    found = await connection.execute(select(table.c.id).where(held(claim)).with_for_update())
    require_held(claim, len(found.all()))


def require_held(claim: AnyClaim, rows: int) -> None:
    """Raise ``LeaseLost`` unless a write under *claim* has met its row."""
    if rows == 0:
        what, _, key = _row(claim)
        msg = f"{what} {key} is not held by {claim.worker} any more"
        raise LeaseLost(msg)


def _row(claim: AnyClaim) -> tuple[str, Table, UUID]:
    match claim:
        case Claim():
            return "job", jobs, claim.job.id
        case DeliveryClaim():
            return "delivery", deliveries, claim.delivery.id
        case ExportClaim():
            return "export", exports, claim.export.id
