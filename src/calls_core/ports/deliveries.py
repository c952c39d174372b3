"""Destinations at rest, and the queue of what must be delivered to them."""

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NewType, Protocol

from calls_core.delivery import Attempt, Delivery, DeliveryClaim, DeliveryFilter, DeliveryId, Ending
from calls_core.destination import Destination, DestinationDetails, DestinationKind
from calls_core.errors import FieldError
from calls_core.events import DestinationId, Event
from calls_core.ports.idempotency import Receipt


class Destinations(Protocol):
    """Destinations at rest. Any method may raise ``RepositoryUnavailable``."""

    @abstractmethod
    async def add(self, destination: Destination, receipt: Receipt | None = None) -> None:
        """Store a new destination; it is told of the events that are told from now on.

        Raises:
            IdempotencyKeyInUse: the claim in *receipt* was lost; nothing is stored.
        """

    @abstractmethod
    async def get(self, destination_id: DestinationId) -> Destination:
        """Return it.

        Raises:
            DestinationNotFound: no such destination.
        """

    @abstractmethod
    async def all(self) -> Sequence[Destination]:
        """Return every destination, oldest first."""

    @abstractmethod
    async def save(self, destination: Destination) -> None:
        """Change it.

        Raises:
            DestinationNotFound: no such destination.
        """

    @abstractmethod
    async def remove(self, destination_id: DestinationId) -> None:
        """Remove it with its deliveries.

        Raises:
            DestinationNotFound: no such destination.
        """


class Deliveries(Protocol):
    """The queue of deliveries, which ``EventFeed.tell`` makes. Claims are leases with a fencing number, as for jobs: a
    write under one that is lost raises ``LeaseLost``. Any method may raise ``RepositoryUnavailable``."""

    @abstractmethod
    async def due(self) -> Sequence[Destination]:
        """Return the enabled destinations that have a delivery due."""

    @abstractmethod
    async def claim(
        self, destination_id: DestinationId, worker: str, lease: timedelta, limit: int
    ) -> Sequence[DeliveryClaim]:
        """Take at most *limit* due deliveries of an enabled destination, oldest first; raise their attempts by one."""

    @abstractmethod
    async def renew(self, claim: DeliveryClaim, lease: timedelta) -> None:
        """Make the lease end *lease* from now."""

    @abstractmethod
    async def conclude(self, claim: DeliveryClaim, attempt: Attempt, ending: Ending) -> None:
        """Log the attempt, end the claim, and note how the destination does."""

    @abstractmethod
    async def hand_back(self, claim: DeliveryClaim) -> None:
        """Queue it again at once, its attempt given back: the notifier is stopping."""

    @abstractmethod
    async def holders(self) -> Collection[str]:
        """Return the names of the notifiers that hold a lease."""

    @abstractmethod
    async def end_leases(self, workers: Collection[str]) -> None:
        """Make the leases that *workers* hold end now, since they are dead."""

    @abstractmethod
    async def requeue_expired(self, max_attempts: int) -> int:
        """Queue those whose lease has ended, or end them as exhausted when their attempts are used up; return how
        many that were."""

    @abstractmethod
    async def depth(self) -> Mapping[str, int]:
        """Return how many there are in each of the states ``queued`` and ``running``."""

    @abstractmethod
    async def oldest(self) -> datetime | None:
        """Return when the oldest that is queued or running for an enabled destination was made; None without any."""

    @abstractmethod
    async def page(self, wanted: DeliveryFilter, before: DeliveryId | None, limit: int) -> Sequence[Delivery]:
        """Return deliveries that fit, latest first, from the one after *before* on."""

    @abstractmethod
    async def get(self, delivery_id: DeliveryId) -> tuple[Delivery, Sequence[Attempt]]:
        """Return a delivery and its attempts, oldest first.

        Raises:
            DeliveryNotFound: no such delivery.
        """

    @abstractmethod
    async def queue(self, wanted: DeliveryFilter) -> int:
        """Queue those that fit anew, due now and with all attempts before them, unless they are queued or running;
        return how many that were."""

    @abstractmethod
    async def make_up(self, destination: Destination, since: datetime, until: datetime) -> int:
        """Make the deliveries of events that happened from *since* until before *until*, which the destination wants
        and was never sent; return how many."""


class Sender(Protocol):
    """Takes an event to a destination of one kind."""

    @abstractmethod
    def faults(self, details: DestinationDetails) -> Sequence[FieldError]:
        """Return what only the sender can find wrong with a destination of its kind."""

    @abstractmethod
    async def send(self, destination: Destination, event: Event, body: bytes) -> Attempt:
        """Try once, within limited time. Whatever the receiver does, it is told in what is returned."""


Senders = NewType("Senders", Mapping[DestinationKind, Sender])
