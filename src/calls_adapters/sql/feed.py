"""The feed of events in a relational database."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Exists, bindparam, delete, select, update

from calls_adapters.sql.database import Database
from calls_adapters.sql.fanning import fan_out
from calls_adapters.sql.rows import event_from
from calls_adapters.sql.tables.deliveries import deliveries, events, feed
from calls_core.delivery import WAITING
from calls_core.events import Event
from calls_core.ports import EventFeed, FeedEntry, Told

_EVENT: Final = (events.c.id, events.c.type, events.c.call_id, events.c.occurred_at, events.c.destination_id)
_UNTOLD: Final = select(*_EVENT).where(events.c.position.is_(None)).order_by(events.c.id).limit(bindparam("most"))
_AFTER: Final = (
    select(*_EVENT, events.c.position, events.c.body)
    .where(events.c.position > bindparam("read"))
    .order_by(events.c.position)
    .limit(bindparam("most"))
)
_FORGOTTEN: Final = select(feed.c.forgotten).where(feed.c.id == 1)
_LAST: Final = select(feed.c.last).where(feed.c.id == 1)
_PLACE: Final = (
    update(events)
    .where(events.c.id == bindparam("event_id"))
    .values(position=bindparam("place"), body=bindparam("text"))
)


def _delivered(*which: ColumnElement[bool]) -> Exists:
    return select(deliveries.c.id).where(*which).exists()


_OLD: Final = select(events.c.id).where(
    events.c.position.is_not(None),
    ~_delivered(deliveries.c.event_id == events.c.id, deliveries.c.state.in_(WAITING)),
)


class SqlEventFeed(EventFeed):
    def __init__(self, database: Database) -> None:
        self._database = database

    async def untold(self, limit: int) -> Sequence[Event]:
        async with self._database.one() as connection:
            rows = (await connection.execute(_UNTOLD, {"most": limit})).mappings().all()
        return [event_from(row) for row in rows]

    async def tell(self, told: Sequence[Told]) -> int:
        if not told:
            return 0
        async with self._database.write() as connection:
            last = await connection.scalar(_LAST.with_for_update(skip_locked=True))
            if last is None:
                return 0
            ids = [entry.event.id for entry in told]
            found = await connection.scalars(
                select(events.c.id).where(events.c.id.in_(ids), events.c.position.is_(None)).with_for_update()
            )
            waiting = set(found)
            fresh = [entry for entry in told if entry.event.id in waiting]
            if not fresh:
                return 0
            places = [
                {"event_id": entry.event.id, "place": place, "text": entry.body.decode()}
                for place, entry in enumerate(fresh, last + 1)
            ]
            await connection.execute(_PLACE, places)
            await fan_out(self._database, connection, [entry.event for entry in fresh])
            await connection.execute(update(feed).where(feed.c.id == 1).values(last=last + len(fresh)))
        return len(fresh)

    async def after(self, position: int, limit: int) -> Sequence[FeedEntry]:
        async with self._database.one() as connection:
            rows = (await connection.execute(_AFTER, {"read": position, "most": limit})).mappings().all()
        return [FeedEntry(row["position"], Told(event_from(row), row["body"].encode())) for row in rows]

    async def begins_after(self) -> int:
        async with self._database.one() as connection:
            return int(await connection.scalar(_FORGOTTEN) or 0)

    async def forget(self, until: datetime, limit: int) -> int:
        old = _OLD.where(events.c.occurred_at < until).order_by(events.c.occurred_at).limit(limit)
        async with self._database.one() as connection:
            if await connection.scalar(old.limit(1)) is None:  # spares SQLite its one writer
                return 0
        async with self._database.write() as connection:
            ids = (await connection.scalars(old.with_for_update(skip_locked=True, of=events))).all()
            # One that is queued again meanwhile stays, and its event with it.
            over = deliveries.c.event_id.in_(ids) & deliveries.c.state.not_in(WAITING)
            await connection.execute(delete(deliveries).where(over))
            this = events.c.id.in_(ids) & ~_delivered(deliveries.c.event_id == events.c.id)
            places = (await connection.scalars(delete(events).where(this).returning(events.c.position))).all()
            if places:
                last = max(places)
                await connection.execute(update(feed).where(feed.c.forgotten < last).values(forgotten=last))
        return len(places)

    async def latest(self) -> int:
        async with self._database.one() as connection:
            return int(await connection.scalar(_LAST) or 0)
