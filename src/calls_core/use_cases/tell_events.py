"""The way of an event from the transaction that made it into the feed, and out to those who follow it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, NewType

from calls_core.errors import EventsForgotten, NotFound, Unavailable
from calls_core.events import Event
from calls_core.faultpoint import faultpoint
from calls_core.ports import Clock, EventBodies, EventFeed, FeedEntry, Told

EventsKept = NewType("EventsKept", timedelta)
"""How long events are kept."""

BATCH: Final = 100
FORGET_AT_ONCE: Final = 200
FORGET_ROUNDS: Final = 20
LOOK_EVERY: Final = timedelta(seconds=1)

_log = logging.getLogger("calls.events")


@dataclass(frozen=True, slots=True)
class TellEvents:
    """Give every event its place in the feed, its body and its deliveries. Any number of processes may do so."""

    feed: EventFeed
    bodies: EventBodies

    async def __call__(self) -> int:
        """Tell what is untold; return how many events that were."""
        total = 0
        while untold := await self.feed.untold(BATCH):
            told = [entry for event in untold if (entry := await self._composed(event))]
            faultpoint("notifier.before_tell")
            number = await self.feed.tell(told)
            faultpoint("notifier.told")
            total += number
            if number == 0 or len(untold) < BATCH:
                break
        return total

    async def _composed(self, event: Event) -> Told | None:
        try:
            return Told(event, await self.bodies.body(event))
        except NotFound:
            return None
        except Unavailable:
            raise
        except Exception:  # noqa: BLE001 (one that cannot be told must not keep all others from it)
            _log.exception("event %s cannot be told; that is an error of ours", event.id)
            return None


@dataclass(frozen=True, slots=True)
class ReadEvents:
    """Read the feed, page by page."""

    feed: EventFeed

    async def __call__(self, position: int, limit: int) -> Sequence[FeedEntry]:
        """Return the entries after *position*.

        Raises:
            EventsForgotten: some of them are gone.
        """
        entries = await self.feed.after(position, limit)
        await self._require_kept(position)
        if not entries:
            await self._require_given(position)
        return entries

    async def first(self) -> int:
        """Return the place after which the feed begins."""
        return await self.feed.begins_after()

    async def require_followed(self, position: int) -> None:
        """Raise ``EventsForgotten`` unless every event after *position* is there or to come, but for those of erased
        calls."""
        await self._require_kept(position)
        await self._require_given(position)

    async def _require_given(self, position: int) -> None:
        """What a restored backup does not know of any more would be missed in silence."""
        if position > await self.feed.latest():
            msg = "this service has not told so many events; look at the calls, then read without a cursor"
            raise EventsForgotten(msg)

    async def _require_kept(self, position: int) -> None:
        if position < await self.feed.begins_after():
            msg = "events after this cursor are not kept any more; look at the calls, then read without a cursor"
            raise EventsForgotten(msg)

    async def latest(self) -> int:
        return await self.feed.latest()


@dataclass(slots=True)
class FollowEvents:
    """Follow the feed. However many do, the database is asked once in *look_every* whether there is anything new."""

    feed: EventFeed
    look_every: timedelta = field(default=LOOK_EVERY, init=False)
    _latest: int = field(default=0, init=False)
    _looking: asyncio.Task[None] | None = field(default=None, init=False)

    async def __call__(self, position: int) -> AsyncIterator[Sequence[FeedEntry]]:
        """Yield the entries after *position*, some at a time, for ever."""
        while True:
            known = self._latest
            try:
                entries = await self.feed.after(position, BATCH)
            except Unavailable as error:
                _log.warning("the feed cannot be read: %s", error)
                entries = ()
            if entries:
                position = entries[-1].position
                yield entries
            else:
                await self._moved(known)

    async def _moved(self, known: int) -> None:
        """Return when a place beyond the one *known* before the last look into the feed has been given."""
        while self._latest <= known:
            if self._looking is None or self._looking.done():
                self._looking = asyncio.create_task(self._look())
            await asyncio.shield(self._looking)

    async def _look(self) -> None:
        await asyncio.sleep(self.look_every.total_seconds())
        try:
            self._latest = await self.feed.latest()
        except Unavailable as error:
            _log.warning("the feed cannot be read: %s", error)


@dataclass(frozen=True, slots=True)
class ForgetEvents:
    """Remove events that are old enough, with their deliveries, in small steps: no step keeps others waiting for long,
    and one call does not go on for ever. What still waits for a receiver, or for somebody to release it, stays."""

    feed: EventFeed
    kept: EventsKept
    clock: Clock

    async def __call__(self) -> int:
        """Return how many that were."""
        total = 0
        for _ in range(FORGET_ROUNDS):
            number = await self.feed.forget(self.clock() - self.kept, FORGET_AT_ONCE)
            total += number
            if number < FORGET_AT_ONCE:
                break
        return total
