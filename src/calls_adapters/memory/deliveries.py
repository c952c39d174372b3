"""Destinations and the queue of deliveries in memory."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import uuid_utils.compat

from calls_adapters.memory.database import MemoryDatabase, StoredDelivery
from calls_core.delivery import Attempt, Delivery, DeliveryClaim, DeliveryFilter, DeliveryId, DeliveryState, Ending
from calls_core.destination import DeliveryMode, Destination
from calls_core.errors import DeliveryNotFound, DestinationNotFound, LeaseLost
from calls_core.events import DestinationId, Event
from calls_core.ports import Clock, Deliveries, Destinations, Receipt


class MemoryDestinations(Destinations):
    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def add(self, destination: Destination, receipt: Receipt | None = None) -> None:
        self._database.require_claim(receipt)
        self._database.keep_answer(receipt, destination.created_at)
        self._database.destinations[destination.id] = destination

    async def get(self, destination_id: DestinationId) -> Destination:
        try:
            return self._database.destinations[destination_id]
        except KeyError:
            raise DestinationNotFound(f"there is no webhook {destination_id}") from None

    async def all(self) -> Sequence[Destination]:
        return sorted(self._database.destinations.values(), key=lambda destination: destination.id)

    async def save(self, destination: Destination) -> None:
        await self.get(destination.id)
        self._database.destinations[destination.id] = destination

    async def remove(self, destination_id: DestinationId) -> None:
        await self.get(destination_id)
        del self._database.destinations[destination_id]
        kept = {k: d for k, d in self._database.deliveries.items() if d.delivery.destination_id != destination_id}
        self._database.deliveries = kept


class MemoryDeliveries(Deliveries):
    def __init__(self, database: MemoryDatabase, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def due(self) -> Sequence[Destination]:
        waiting = {stored.delivery.destination_id for stored in self._due()}
        everyone = sorted(self._database.destinations.values(), key=lambda destination: destination.id)
        return [to for to in everyone if to.id in waiting and to.details.enabled]

    async def claim(
        self, destination_id: DestinationId, worker: str, lease: timedelta, limit: int
    ) -> Sequence[DeliveryClaim]:
        to = self._database.destinations.get(destination_id)
        if to is None or not to.details.enabled:
            return []
        due = [stored for stored in self._due() if stored.delivery.destination_id == destination_id]
        return [self._claimed(stored, worker, lease) for stored in due[:limit]]

    async def renew(self, claim: DeliveryClaim, lease: timedelta) -> None:
        self._held(claim).lease_until = self._clock() + lease

    async def conclude(self, claim: DeliveryClaim, attempt: Attempt, ending: Ending) -> None:
        stored, now = self._held(claim), self._clock()
        is_over = ending.state is not DeliveryState.QUEUED
        run_at = stored.delivery.run_at if is_over else now + ending.delay
        finished_at = now if is_over else None
        stored.delivery = replace(stored.delivery, state=ending.state, run_at=run_at, finished_at=finished_at)
        stored.log.append(replace(attempt, retry_after=None))
        to = self._database.destinations[claim.delivery.destination_id]
        failing_since = None if attempt.is_accepted else to.failing_since or now
        if ending.disables and to.details.enabled:
            to = replace(to, details=replace(to.details, enabled=False), disabled=ending.disables)
            self._database.events += [ending.event] if ending.event else []
        self._database.destinations[to.id] = replace(to, failing_since=failing_since)

    async def hand_back(self, claim: DeliveryClaim) -> None:
        stored = self._held(claim)
        attempt = stored.delivery.attempt - 1
        stored.delivery = replace(stored.delivery, state=DeliveryState.QUEUED, attempt=attempt, run_at=self._clock())

    async def holders(self) -> Collection[str]:
        return {stored.worker for stored in self._running()}

    async def end_leases(self, workers: Collection[str]) -> None:
        for stored in self._running():
            if stored.worker in workers:
                stored.lease_until = self._clock()

    async def requeue_expired(self, max_attempts: int) -> int:
        now = self._clock()
        expired = [stored for stored in self._running() if stored.lease_until <= now]
        for stored in expired:
            is_over = stored.delivery.attempt >= max_attempts
            state = DeliveryState.EXHAUSTED if is_over else DeliveryState.QUEUED
            stored.token += 1
            stored.delivery = replace(stored.delivery, state=state, run_at=now, finished_at=now if is_over else None)
        return len(expired)

    async def depth(self) -> Mapping[str, int]:
        states = [stored.delivery.state for stored in self._all()]
        return {state.value: states.count(state) for state in (DeliveryState.QUEUED, DeliveryState.RUNNING)}

    async def oldest(self) -> datetime | None:
        enabled = {to.id for to in self._database.destinations.values() if to.details.enabled}
        on_their_way = {DeliveryState.QUEUED, DeliveryState.RUNNING}
        found = [stored.delivery for stored in self._all() if stored.delivery.destination_id in enabled]
        return min((delivery.created_at for delivery in found if delivery.state in on_their_way), default=None)

    async def page(self, wanted: DeliveryFilter, before: DeliveryId | None, limit: int) -> Sequence[Delivery]:
        found = (stored.delivery for stored in self._all() if self._fits(stored.delivery, wanted))
        latest_first = sorted(found, key=lambda delivery: delivery.id, reverse=True)
        return [delivery for delivery in latest_first if before is None or delivery.id < before][:limit]

    async def get(self, delivery_id: DeliveryId) -> tuple[Delivery, Sequence[Attempt]]:
        try:
            stored = self._database.deliveries[delivery_id]
        except KeyError:
            raise DeliveryNotFound(f"there is no delivery {delivery_id}") from None
        return stored.delivery, list(stored.log)

    async def queue(self, wanted: DeliveryFilter) -> int:
        busy = {DeliveryState.QUEUED, DeliveryState.RUNNING}
        idle = [d for d in self._all() if d.delivery.state not in busy and self._fits(d.delivery, wanted)]
        for stored in idle:
            stored.delivery = replace(
                stored.delivery, state=DeliveryState.QUEUED, attempt=0, run_at=self._clock(), finished_at=None
            )
        return len(idle)

    async def make_up(self, destination: Destination, since: datetime, until: datetime) -> int:
        sent = {d.delivery.event.id for d in self._all() if d.delivery.destination_id == destination.id}
        kinds = destination.details.event_types
        missing = [
            event
            for event in (entry.told.event for entry in self._database.feed)
            if since <= event.occurred_at < until and event.id not in sent and (not kinds or event.type in kinds)
        ]
        for event in missing:
            deliver(self._database, destination, event, self._clock())
        return len(missing)

    def _all(self) -> Sequence[StoredDelivery]:
        return list(self._database.deliveries.values())

    def _running(self) -> Sequence[StoredDelivery]:
        return [stored for stored in self._all() if stored.delivery.state is DeliveryState.RUNNING]

    def _due(self) -> list[StoredDelivery]:
        now = self._clock()
        due = [d for d in self._all() if d.delivery.state is DeliveryState.QUEUED and d.delivery.run_at <= now]
        return sorted(due, key=lambda stored: (stored.delivery.run_at, stored.delivery.id))

    def _claimed(self, stored: StoredDelivery, worker: str, lease: timedelta) -> DeliveryClaim:
        stored.token += 1
        stored.worker = worker
        stored.lease_until = self._clock() + lease
        attempt = stored.delivery.attempt + 1
        stored.delivery = replace(stored.delivery, state=DeliveryState.RUNNING, attempt=attempt)
        told = next(e.told for e in self._database.feed if e.told.event.id == stored.delivery.event.id)
        return DeliveryClaim(delivery=stored.delivery, body=told.body, token=stored.token, worker=worker)

    def _held(self, claim: DeliveryClaim) -> StoredDelivery:
        stored = self._database.deliveries.get(claim.delivery.id)
        if stored is None or stored.token != claim.token or stored.delivery.state is not DeliveryState.RUNNING:
            raise LeaseLost(f"delivery {claim.delivery.id} is not held by {claim.worker} any more")
        return stored

    def _fits(self, delivery: Delivery, wanted: DeliveryFilter) -> bool:
        return all(self._judged(delivery, wanted))

    def _judged(self, delivery: Delivery, wanted: DeliveryFilter) -> Iterator[bool]:
        event = delivery.event
        yield wanted.ids is None or delivery.id in wanted.ids
        yield wanted.destination_id in {None, delivery.destination_id}
        yield wanted.state in {None, delivery.state}
        yield wanted.call_id in {None, event.call_id}
        yield wanted.happened_from is None or event.occurred_at >= wanted.happened_from
        yield wanted.happened_until is None or event.occurred_at < wanted.happened_until
        if (wanted.agent, wanted.status, wanted.started_from, wanted.started_until) == (None,) * 4:
            return
        call = self._database.calls.get(event.call_id) if event.call_id else None
        if call is None:
            yield False
            return
        yield wanted.agent in {None, call.details.agent}
        yield wanted.status in {None, call.status}
        yield wanted.started_from is None or call.details.started_at >= wanted.started_from
        yield wanted.started_until is None or call.details.started_at < wanted.started_until


def fan_out(database: MemoryDatabase, told: Sequence[Event], now: datetime) -> None:
    """Make the deliveries of events that were just told."""
    for event in told:
        for destination in database.destinations.values():
            if destination.wants(event.type):
                deliver(database, destination, event, now)


def deliver(database: MemoryDatabase, destination: Destination, event: Event, now: datetime) -> None:
    by_hand = destination.details.mode is DeliveryMode.BY_HAND
    made = Delivery(
        id=DeliveryId(uuid_utils.compat.uuid7()),
        destination_id=destination.id,
        event=event,
        state=DeliveryState.HELD if by_hand else DeliveryState.QUEUED,
        attempt=0,
        run_at=now,
        created_at=now,
        finished_at=None,
    )
    database.deliveries[made.id] = StoredDelivery(made, lease_until=now)
