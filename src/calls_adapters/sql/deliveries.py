"""The queue of deliveries in a relational database."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import and_, case, func, insert, null, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from calls_adapters.sql.claims import (
    change_held,
    chosen,
    freed,
    holders,
    leased,
    leases_ended,
    queued,
    running,
)
from calls_adapters.sql.database import Database
from calls_adapters.sql.delivery_rows import attempt_from, attempt_row, delivery_from, destination_from
from calls_adapters.sql.fanning import delivery_row, fitting, insert_deliveries
from calls_adapters.sql.rows import event_from
from calls_adapters.sql.tables.deliveries import attempts, deliveries, destinations, events
from calls_core.delivery import Attempt, Delivery, DeliveryClaim, DeliveryFilter, DeliveryId, DeliveryState, Ending
from calls_core.destination import Destination
from calls_core.errors import DeliveryNotFound, Reason
from calls_core.events import DestinationId
from calls_core.ports import Deliveries

BATCH: Final = 500

_DELIVERY: Final = (
    *deliveries.c,
    events.c.type,
    events.c.call_id,
    events.c.occurred_at,
    events.c.destination_id.label("about_id"),
)
_JOINED: Final = select(*_DELIVERY).join(events, events.c.id == deliveries.c.event_id)
_TO_SEND: Final = _JOINED.add_columns(events.c.body)
_ON_THEIR_WAY: Final = {"queued": queued(deliveries), "running": running(deliveries)}
_NUMBER: Final = select(func.count()).select_from(deliveries)
_OLDEST: Final = (
    select(func.min(deliveries.c.created_at))
    .join(destinations, destinations.c.id == deliveries.c.destination_id)
    .where(destinations.c.enabled)
)
_IDLE: Final = deliveries.c.state.not_in(["queued", "running"])


class SqlDeliveries(Deliveries):
    def __init__(self, database: Database) -> None:
        self._database = database
        self._leased = leased(deliveries, database, attempt=deliveries.c.attempt + 1)

    async def due(self) -> Sequence[Destination]:
        waits = select(deliveries.c.id).where(
            deliveries.c.destination_id == destinations.c.id, queued(deliveries), deliveries.c.run_at <= self._now()
        )
        wanted = select(destinations).where(destinations.c.enabled, waits.exists()).order_by(destinations.c.id)
        async with self._database.one() as connection:
            return [destination_from(row) for row in (await connection.execute(wanted)).mappings()]

    async def claim(
        self, destination_id: DestinationId, worker: str, lease: timedelta, limit: int
    ) -> Sequence[DeliveryClaim]:
        enabled = select(destinations.c.id).where(destinations.c.id == destination_id, destinations.c.enabled)
        due = and_(
            deliveries.c.destination_id == destination_id,
            queued(deliveries),
            deliveries.c.run_at <= self._now(),
            enabled.exists(),
        )
        # Apart, so that it is done once: PostgreSQL may run what stands in IN for every row, and find others each time.
        taken = chosen(deliveries, due, limit, deliveries.c.run_at, deliveries.c.id).cte("taken")
        this = deliveries.c.id.in_(select(taken.c.id))
        statement = update(deliveries).where(this).values(self._leased).returning(deliveries.c.id)
        moments = self._database.moments(until=lease)
        async with self._database.write() as connection:
            ids = (await connection.scalars(statement, {"worker": worker, **moments})).all()
            if not ids:
                return []
            found = await connection.execute(
                _TO_SEND.where(deliveries.c.id.in_(ids)).order_by(deliveries.c.run_at, deliveries.c.id)
            )
            return [
                DeliveryClaim(delivery=delivery_from(row), body=row["body"].encode(), token=row["token"], worker=worker)
                for row in found.mappings()
            ]

    async def renew(self, claim: DeliveryClaim, lease: timedelta) -> None:
        await self._write(claim, {"lease_until": self._database.now(lease)})

    async def conclude(self, claim: DeliveryClaim, attempt: Attempt, ending: Ending) -> None:
        is_over = ending.state is not DeliveryState.QUEUED
        changes = freed(ending.state.value) | {
            "finished_at": self._now() if is_over else null(),
            "run_at": deliveries.c.run_at if is_over else self._database.now(ending.delay),
        }
        async with self._database.write() as connection:
            await change_held(connection, claim, changes)
            await connection.execute(insert(attempts).values(attempt_row(claim, attempt)))
            await self._note(connection, claim.delivery.destination_id, ending, is_good=attempt.is_accepted)

    async def hand_back(self, claim: DeliveryClaim) -> None:
        await self._write(claim, freed() | {"attempt": deliveries.c.attempt - 1, "run_at": self._now()})

    async def holders(self) -> Collection[str]:
        async with self._database.one() as connection:
            return (await connection.scalars(holders(deliveries))).all()

    async def end_leases(self, workers: Collection[str]) -> None:
        if not workers:
            return
        async with self._database.change() as connection:
            await connection.execute(leases_ended(deliveries, workers, self._database))

    async def requeue_expired(self, max_attempts: int) -> int:
        is_over = deliveries.c.attempt >= max_attempts
        changes = freed() | {
            "state": case((is_over, "exhausted"), else_="queued"),
            "finished_at": case((is_over, self._now()), else_=null()),
            "run_at": self._now(),
            "token": deliveries.c.token + 1,
        }
        expired = running(deliveries) & (deliveries.c.lease_until <= self._now())
        async with self._database.change() as connection:
            return (await connection.execute(update(deliveries).where(expired).values(changes))).rowcount

    async def depth(self) -> Mapping[str, int]:
        # Apart, for each state has an index of its own.
        async with self._database.one() as connection:
            return {state: await connection.scalar(_NUMBER.where(of)) or 0 for state, of in _ON_THEIR_WAY.items()}

    async def oldest(self) -> datetime | None:
        async with self._database.one() as connection:
            found = [await connection.scalar(_OLDEST.where(of)) for of in _ON_THEIR_WAY.values()]
        return min((made for made in found if made), default=None)

    async def page(self, wanted: DeliveryFilter, before: DeliveryId | None, limit: int) -> Sequence[Delivery]:
        statement = _JOINED.where(*fitting(wanted)).order_by(deliveries.c.id.desc()).limit(limit)
        if before is not None:
            statement = statement.where(deliveries.c.id < before)
        async with self._database.one() as connection:
            return [delivery_from(row) for row in (await connection.execute(statement)).mappings()]

    async def get(self, delivery_id: DeliveryId) -> tuple[Delivery, Sequence[Attempt]]:
        log = select(attempts).where(attempts.c.delivery_id == delivery_id).order_by(attempts.c.token)
        async with self._database.read() as connection:
            found = await connection.execute(_JOINED.where(deliveries.c.id == delivery_id))
            row = found.mappings().one_or_none()
            if row is None:
                msg = f"there is no delivery {delivery_id}"
                raise DeliveryNotFound(msg)
            return delivery_from(row), [attempt_from(a) for a in (await connection.execute(log)).mappings()]

    async def queue(self, wanted: DeliveryFilter) -> int:
        changes = freed() | {"attempt": 0, "run_at": self._now(), "finished_at": null()}
        async with self._database.write() as connection:
            done = await connection.execute(update(deliveries).where(_IDLE, *fitting(wanted)).values(changes))
        return done.rowcount

    async def make_up(self, destination: Destination, since: datetime, until: datetime) -> int:
        missing = select(events).where(
            events.c.position.is_not(None),
            events.c.occurred_at >= since,
            events.c.occurred_at < until,
            ~select(deliveries.c.id)
            .where(deliveries.c.event_id == events.c.id, deliveries.c.destination_id == destination.id)
            .exists(),
        )
        if destination.details.event_types:
            missing = missing.where(events.c.type.in_([kind.value for kind in destination.details.event_types]))
        made, position = 0, 0
        while True:
            async with self._database.write() as connection:
                batch = missing.where(events.c.position > position).order_by(events.c.position).limit(BATCH)
                # None of them may be forgotten before its delivery is there.
                kept = batch.with_for_update(read=True, key_share=True, skip_locked=True, of=events)
                rows = (await connection.execute(kept)).mappings().all()
                now = await connection.scalar(select(self._now()))
                drafts = [delivery_row(destination, event_from(row), now) for row in rows]
                made += await insert_deliveries(self._database, connection, drafts)
            if len(rows) < BATCH:
                return made
            position = rows[-1]["position"]

    def _now(self) -> Any:  # noqa: ANN401 (an expression, of which SQLAlchemy's type is not the column's)
        return self._database.now()

    async def _write(self, claim: DeliveryClaim, changes: dict[str, Any]) -> None:
        async with self._database.change() as connection:
            await change_held(connection, claim, changes)

    async def _note(self, connection: AsyncConnection, key: DestinationId, ending: Ending, *, is_good: bool) -> None:
        """Write how the destination does, only when that has changed: its row is one for all its deliveries."""
        this = destinations.c.id == key
        since = destinations.c.failing_since
        if is_good:
            await connection.execute(update(destinations).where(this, since.is_not(None)).values(failing_since=null()))
            return
        await connection.execute(update(destinations).where(this, since.is_(None)).values(failing_since=self._now()))
        reason: Reason | None = ending.disables
        if reason is None:
            return
        disabled = {"enabled": False, "disabled_code": reason.code, "disabled_detail": reason.detail}
        done = await connection.execute(update(destinations).where(this, destinations.c.enabled).values(disabled))
        if done.rowcount and (event := ending.event):
            row = {"id": event.id, "type": event.type.value, "occurred_at": event.occurred_at, "destination_id": key}
            await connection.execute(insert(events).values(row))
