"""The feed of events in memory."""

from collections.abc import Sequence
from datetime import datetime

from calls_adapters.memory.database import MemoryDatabase
from calls_adapters.memory.deliveries import fan_out
from calls_core.delivery import WAITING
from calls_core.events import Event
from calls_core.ports import Clock, EventFeed, FeedEntry, Told


class MemoryEventFeed(EventFeed):
    def __init__(self, database: MemoryDatabase, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def untold(self, limit: int) -> Sequence[Event]:
        return self._untold()[:limit]

    async def tell(self, told: Sequence[Told]) -> int:
        untold = {event.id for event in self._untold()}
        fresh = [entry for entry in told if entry.event.id in untold]
        for entry in fresh:
            self._database.last_position += 1
            self._database.feed.append(FeedEntry(self._database.last_position, entry))
        fan_out(self._database, [entry.event for entry in fresh], self._clock())
        return len(fresh)

    async def after(self, position: int, limit: int) -> Sequence[FeedEntry]:
        return [entry for entry in self._database.feed if entry.position > position][:limit]

    async def begins_after(self) -> int:
        return self._database.feed_begins_after

    async def forget(self, until: datetime, limit: int) -> int:
        database = self._database
        waits = {d.delivery.event.id for d in database.deliveries.values() if d.delivery.state in WAITING}
        old = [e for e in database.feed if e.told.event.occurred_at < until and e.told.event.id not in waits]
        gone = sorted(old, key=lambda entry: entry.told.event.occurred_at)[:limit]
        ids = {entry.told.event.id for entry in gone}
        database.feed = [entry for entry in database.feed if entry not in gone]
        database.events = [event for event in database.events if event.id not in ids]
        database.deliveries = {k: d for k, d in database.deliveries.items() if d.delivery.event.id not in ids}
        database.feed_begins_after = max([database.feed_begins_after, *(entry.position for entry in gone)])
        return len(gone)

    async def latest(self) -> int:
        return self._database.last_position

    def _untold(self) -> list[Event]:
        placed = {entry.told.event.id for entry in self._database.feed}
        return sorted((e for e in self._database.events if e.id not in placed), key=lambda event: event.id)
