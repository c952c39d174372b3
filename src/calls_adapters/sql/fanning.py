"""Which deliveries an event makes, and which deliveries fit a filter."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import uuid_utils.compat
from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncConnection

from calls_adapters.sql.database import Database
from calls_adapters.sql.delivery_rows import destination_from
from calls_adapters.sql.tables.calls import calls
from calls_adapters.sql.tables.deliveries import deliveries, destinations, events
from calls_core.delivery import DeliveryFilter, DeliveryState
from calls_core.destination import DeliveryMode, Destination
from calls_core.events import Event

ROWS_AT_ONCE: Final = 1000
"""Databases bound the number of parameters of a statement."""


async def fan_out(database: Database, connection: AsyncConnection, told: Sequence[Event]) -> None:
    """Make the deliveries of events that were just told: a part of the transaction that tells them."""
    found = await connection.execute(select(destinations).where(destinations.c.enabled).order_by(destinations.c.id))
    listening = [destination_from(row) for row in found.mappings()]
    if not listening:
        return
    now = await connection.scalar(select(database.now()))
    rows = [delivery_row(to, event, now) for event in told for to in listening if to.wants(event.type)]
    await insert_deliveries(database, connection, rows)


def delivery_row(destination: Destination, event: Event, now: datetime | None) -> dict[str, Any]:
    held = destination.details.mode is DeliveryMode.BY_HAND
    return {
        "id": uuid_utils.compat.uuid7(),
        "destination_id": destination.id,
        "event_id": event.id,
        "state": (DeliveryState.HELD if held else DeliveryState.QUEUED).value,
        "run_at": now,
        "attempt": 0,
        "token": 0,
        "created_at": now,
    }


async def insert_deliveries(database: Database, connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> int:
    """Store those that are not there yet; return how many."""
    made = 0
    for start in range(0, len(rows), ROWS_AT_ONCE):
        statement = database.insert(deliveries).values(list(rows[start : start + ROWS_AT_ONCE]))
        done = await connection.execute(statement.on_conflict_do_nothing().returning(deliveries.c.id))
        made += len(done.all())
    return made


def fitting(wanted: DeliveryFilter) -> Iterable[ColumnElement[bool]]:
    """Yield the conditions of *wanted* on deliveries."""
    if wanted.ids is not None:
        yield deliveries.c.id.in_(wanted.ids)
    if wanted.destination_id is not None:
        yield deliveries.c.destination_id == wanted.destination_id
    if wanted.state is not None:
        yield deliveries.c.state == wanted.state.value
    if of_event := list(_of_event(wanted)):
        yield deliveries.c.event_id.in_(select(events.c.id).where(*of_event))


def _of_event(wanted: DeliveryFilter) -> Iterable[ColumnElement[bool]]:
    if wanted.call_id is not None:
        yield events.c.call_id == wanted.call_id
    if wanted.happened_from is not None:
        yield events.c.occurred_at >= wanted.happened_from
    if wanted.happened_until is not None:
        yield events.c.occurred_at < wanted.happened_until
    if of_call := list(_of_call(wanted)):
        yield events.c.call_id.in_(select(calls.c.id).where(*of_call))


def _of_call(wanted: DeliveryFilter) -> Iterable[ColumnElement[bool]]:
    if wanted.agent is not None:
        yield calls.c.agent == wanted.agent
    if wanted.status is not None:
        yield calls.c.status == wanted.status.value
    if wanted.started_from is not None:
        yield calls.c.started_at >= wanted.started_from
    if wanted.started_until is not None:
        yield calls.c.started_at < wanted.started_until
