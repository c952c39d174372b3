"""Destinations and their deliveries, as operators handle them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from calls_core.delivery import Attempt, Delivery, DeliveryFilter, DeliveryId, DeliveryState
from calls_core.destination import ABOUT_ITSELF, Destination, DestinationDetails, new_secret
from calls_core.errors import InvalidDestination
from calls_core.events import DestinationId, Event, EventId
from calls_core.ports import Clock, Deliveries, Destinations, EventBodies, NewId, Receipting, Senders


@dataclass(frozen=True, slots=True)
class ManageDestinations:
    """Every method that takes an id raises ``DestinationNotFound``."""

    destinations: Destinations
    deliveries: Deliveries
    bodies: EventBodies
    senders: Senders
    clock: Clock
    new_id: NewId

    async def add(self, details: DestinationDetails, receipting: Receipting[Destination] | None = None) -> Destination:
        """Store a new destination, with a secret of its own.

        Raises:
            IdempotencyKeyInUse: the claim in the receipt was lost.
            InvalidDestination: its details are not valid.
        """
        now = self.clock()
        key = DestinationId(self.new_id())
        made = Destination(id=key, details=self._checked(details), secret=new_secret(), created_at=now, updated_at=now)
        await self.destinations.add(made, receipting(made) if receipting else None)
        return made

    async def all(self) -> Sequence[Destination]:
        return await self.destinations.all()

    async def get(self, key: DestinationId) -> Destination:
        return await self.destinations.get(key)

    async def change(self, key: DestinationId, details: DestinationDetails) -> Destination:
        """Give it other details; what waits for it goes where they say. The URL as it is shown keeps its password.

        Raises:
            InvalidDestination: they are not valid.
        """
        before = await self.destinations.get(key)
        changed = before.changed(self._checked(details.unmasked(before.details)), self.clock())
        await self.destinations.save(changed)
        return changed

    async def remove(self, key: DestinationId) -> None:
        """Remove it, with its deliveries and their logs."""
        await self.destinations.remove(key)

    async def rotate_secret(self, key: DestinationId) -> Destination:
        """Give it a new secret; the old one signs, too, for a day."""
        rotated = (await self.destinations.get(key)).rotated(self.clock())
        await self.destinations.save(rotated)
        return rotated

    async def test(self, key: DestinationId) -> Attempt:
        """Send it an event of the type ``webhook.test`` at once, and return what came of it. Nothing is stored."""
        destination = await self.destinations.get(key)
        event = Event(
            id=EventId(self.new_id()),
            type=ABOUT_ITSELF,
            call_id=None,
            occurred_at=self.clock(),
            destination_id=destination.id,
        )
        return await self.senders[destination.details.kind].send(destination, event, await self.bodies.body(event))

    async def replay_exhausted(self, key: DestinationId) -> int:
        """Try everything again that was given up; return how much that is."""
        await self.destinations.get(key)
        return await self.deliveries.queue(DeliveryFilter(destination_id=key, state=DeliveryState.EXHAUSTED))

    async def replay_period(self, key: DestinationId, since: datetime, until: datetime) -> int:
        """Send every event again that happened from *since* until before *until*, and those that were never sent, as
        of a time when the destination was disabled or not there yet; return how many that are."""
        destination = await self.destinations.get(key)
        again = await self.deliveries.queue(
            DeliveryFilter(destination_id=key, happened_from=since, happened_until=until)
        )
        return again + await self.deliveries.make_up(destination, since, until)

    def _checked(self, details: DestinationDetails) -> DestinationDetails:
        checked = details.checked()
        if errors := self.senders[checked.kind].faults(checked):
            raise InvalidDestination("; ".join(f"{e.pointer[1:]}: {e.detail}" for e in errors), errors)
        return checked


@dataclass(frozen=True, slots=True)
class ManageDeliveries:
    deliveries: Deliveries

    async def page(self, wanted: DeliveryFilter, before: DeliveryId | None, limit: int) -> Sequence[Delivery]:
        """Return deliveries that fit, latest first, from the one after *before* on."""
        return await self.deliveries.page(wanted, before, limit)

    async def get(self, key: DeliveryId) -> tuple[Delivery, Sequence[Attempt]]:
        """Return a delivery and its attempts; raise ``DeliveryNotFound``."""
        return await self.deliveries.get(key)

    async def replay(self, key: DeliveryId) -> Delivery:
        """Send it once more, from its first attempt on; raise ``DeliveryNotFound``."""
        await self.deliveries.queue(DeliveryFilter(ids=(key,)))
        return (await self.deliveries.get(key))[0]

    async def release(self, wanted: DeliveryFilter) -> int:
        """Let go of those held deliveries that fit; return how many that were."""
        return await self.deliveries.queue(wanted)
