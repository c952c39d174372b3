"""Claims on rows, for jobs and deliveries alike: a lease that ends by itself, and a token that grows with every claim.

Such a table has the columns state, run_at, attempt, token, lease_owner and lease_until.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Table, bindparam, literal_column, null, select

from calls_adapters.sql.database import Database
from calls_core.errors import LeaseLost


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


def held(table: Table, key: UUID, token: int) -> ColumnElement[bool]:
    return (table.c.id == key) & (table.c.token == token) & running(table)


def require_held(what: str, worker: str, rows: int) -> None:
    """Raise ``LeaseLost`` unless a write under a claim has met its row."""
    if rows == 0:
        msg = f"{what} is not held by {worker} any more"
        raise LeaseLost(msg)
