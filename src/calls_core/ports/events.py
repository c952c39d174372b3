"""The feed: every event in one order that never changes."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from calls_core.events import Event


@dataclass(frozen=True, slots=True)
class Told:
    """An event with the body under which everybody is told of it: JSON of ``type``, ``timestamp`` and ``data``."""

    event: Event
    body: bytes


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """An event at its place: *position* grows from entry to entry, and leaves gaps where calls were erased."""

    position: int
    told: Told


class EventFeed(Protocol):
    """Events in the order in which they were told, which is that of no clock: transactions commit out of order, so an
    event gets its place only when it is committed, from one process at a time. Whoever has read up to a position has
    missed nothing before it.

    Any method may raise ``RepositoryUnavailable``.
    """

    @abstractmethod
    async def untold(self, limit: int) -> Sequence[Event]:
        """Return events that have no place yet, oldest first."""

    @abstractmethod
    async def tell(self, told: Sequence[Told]) -> int:
        """Give the events the next places, in this order, and make their deliveries; return how many.

        Events that have a place by now, or were erased, are left out; so are all while another process does the same.
        """

    @abstractmethod
    async def after(self, position: int, limit: int) -> Sequence[FeedEntry]:
        """Return the entries after *position*, in order."""

    @abstractmethod
    async def begins_after(self) -> int:
        """Return the last place that was cleared by ``forget``; 0 before the first."""

    @abstractmethod
    async def forget(self, until: datetime, limit: int) -> int:
        """Remove at most *limit* told events that happened before *until*, oldest first, with their deliveries and the
        log of these; not one that has a delivery held, queued or running. Return how many that were."""

    @abstractmethod
    async def latest(self) -> int:
        """Return the last position that was given; 0 before the first."""


class EventBodies(Protocol):
    """What an event tells of its call."""

    @abstractmethod
    async def body(self, event: Event) -> bytes:
        """Return the body of the event, with the call as it is now.

        Raises:
            NotFound: the call was erased, and the event with it.
            RepositoryUnavailable: the database does not answer.
        """
