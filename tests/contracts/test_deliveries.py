"""What every keeper of destinations and every queue of deliveries must do."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from calls_adapters.memory import MemoryDeliveries, MemoryDestinations
from calls_adapters.sql import SqlDeliveries, SqlDestinations
from calls_core.call import CallStatus
from calls_core.delivery import Attempt, Delivery, DeliveryClaim, DeliveryFilter, DeliveryId, DeliveryState, Ending
from calls_core.destination import DeliveryMode, Destination, DestinationDetails, new_secret
from calls_core.errors import DeliveryNotFound, DestinationNotFound, IdempotencyKeyInUse, LeaseLost, Reason
from calls_core.events import DestinationId, Event, EventId, EventType
from calls_core.ports import Answer, Deliveries, Destinations, KeyClaim, Receipt
from tests.contracts.test_event_feed import told
from tests.contracts.worlds import MINUTE, World

pytestmark = pytest.mark.anyio

REFUSED = Reason("receiver-refused", "the receiver answered 500")
DONE = Ending(state=DeliveryState.DELIVERED)


async def destination(world: World, **details: Any) -> Destination:
    made = Destination(
        id=DestinationId(world.new_id()),
        details=DestinationDetails(url="https://b.example/hook", **details),
        secret=new_secret(),
        created_at=world.clock.now,
        updated_at=world.clock.now,
    )
    await world.destinations.add(made)
    return made


async def told_call(world: World, **details: object) -> None:
    await world.added(**details)
    await told(world)


async def claimed(world: World, to: Destination, worker: str = "n1") -> DeliveryClaim:
    (claim,) = await world.deliveries.claim(to.id, worker, MINUTE, 1)
    return claim


def attempt(world: World, error: Reason | None = None) -> Attempt:
    return Attempt(at=world.clock.now, duration_ms=12, status=500 if error else 200, error=error, head="гудок \ufffd")


async def all_of(world: World, **wanted: Any) -> list[Delivery]:
    return list(await world.deliveries.page(DeliveryFilter(**wanted), None, 100))


async def test_a_destination_is_kept_as_it_is(world: World) -> None:
    """With all its fields; changed as a whole; gone when it is removed, with its deliveries."""
    to = await destination(world, event_types=(EventType.CALL_READY,), description="биллинг", mode=DeliveryMode.BY_HAND)
    other = await destination(world)
    assert await world.destinations.get(to.id) == to
    assert list(await world.destinations.all()) == [to, other]

    changed = replace(
        to.rotated(world.clock.now), disabled=REFUSED, failing_since=world.clock.now, details=other.details
    )
    await world.destinations.save(changed)
    assert await world.destinations.get(to.id) == changed
    await told_call(world)
    await world.destinations.remove(to.id)

    assert list(await world.destinations.all()) == [other]
    assert [d.destination_id for d in await all_of(world)] == [other.id]
    for work in (world.destinations.get(to.id), world.destinations.remove(to.id), world.destinations.save(to)):
        with pytest.raises(DestinationNotFound):
            await work


async def test_a_destination_is_kept_with_its_answer(world: World) -> None:
    """A repetition finds it; a destination whose claim was lost is not stored."""
    answer = Answer(payload_sha256="00", status=201, location="/webhooks/1", body="{}")
    claim = await world.keys.claim("anna", "key", MINUTE)
    assert isinstance(claim, KeyClaim)
    made = replace(await destination(world), id=DestinationId(world.new_id()))
    await world.destinations.add(made, Receipt(claim, answer))
    assert await world.keys.claim("anna", "key", MINUTE) == answer
    with pytest.raises(IdempotencyKeyInUse):
        await world.destinations.add(replace(made, id=DestinationId(world.new_id())), Receipt(claim, answer))
    assert len(await world.destinations.all()) == 2


async def test_telling_makes_a_delivery_for_whoever_wants_it(world: World) -> None:
    """Not for those that want other types or are disabled, and held where it goes by hand."""
    wants = await destination(world, event_types=(EventType.CALL_CREATED,))
    await destination(world, event_types=(EventType.CALL_READY,))
    await destination(world, enabled=False)
    by_hand = await destination(world, mode=DeliveryMode.BY_HAND)
    await told_call(world)

    assert {(d.destination_id, d.state) for d in await all_of(world)} == {
        (wants.id, DeliveryState.QUEUED),
        (by_hand.id, DeliveryState.HELD),
    }
    assert [to.id for to in await world.deliveries.due()] == [wants.id]
    assert await world.deliveries.claim(by_hand.id, "n1", MINUTE, 9) == []


async def test_a_claim_brings_the_frozen_body(world: World) -> None:
    """Once, however many ask, oldest first, and as many as asked for."""
    to = await destination(world)
    for _ in range(3):
        await told_call(world)
        world.clock.advance(MINUTE)
    order = [d.id for d in await all_of(world)][::-1]

    found = await asyncio.gather(*(world.deliveries.claim(to.id, f"n{n}", MINUTE, 1) for n in range(8)))

    claims = [claim for some in found for claim in some]
    assert sorted(claim.delivery.id for claim in claims) == order
    first = next(claim for claim in claims if claim.delivery.id == order[0])
    assert first.body == f"тело {first.delivery.event.id}".encode()
    assert (first.delivery.state, first.delivery.attempt, first.token) == (DeliveryState.RUNNING, 1, 1)
    assert await world.deliveries.due() == []


async def test_what_was_accepted_is_done(world: World) -> None:
    """It is logged, and its claim is over."""
    to = await destination(world)
    await told_call(world)
    claim = await claimed(world, to)
    accepted = attempt(world)

    await world.deliveries.conclude(claim, accepted, DONE)

    delivery, log = await world.deliveries.get(claim.delivery.id)
    assert (delivery.state, delivery.finished_at, list(log)) == (DeliveryState.DELIVERED, world.clock.now, [accepted])
    for write in (
        world.deliveries.conclude(claim, accepted, DONE),
        world.deliveries.renew(claim, MINUTE),
        world.deliveries.hand_back(claim),
    ):
        with pytest.raises(LeaseLost):
            await write
    with pytest.raises(DeliveryNotFound):
        await world.deliveries.get(DeliveryId(uuid4()))


async def test_what_was_refused_waits(world: World) -> None:
    """For its pause; the destination is failing until it accepts something again."""
    to = await destination(world)
    await told_call(world)
    began = world.clock.now
    for _ in range(2):
        claim = await claimed(world, to)
        ending = Ending(state=DeliveryState.QUEUED, delay=MINUTE)
        await world.deliveries.conclude(claim, attempt(world, REFUSED), ending)
        assert (await world.destinations.get(to.id)).failing_since == began
        assert await world.deliveries.due() == []
        world.clock.advance(MINUTE)
        assert [found.failing_since for found in await world.deliveries.due()] == [began]

    last = await claimed(world, to)
    await world.deliveries.conclude(last, attempt(world), DONE)

    assert last.delivery.attempt == 3
    assert len((await world.deliveries.get(last.delivery.id))[1]) == 3
    assert (await world.destinations.get(to.id)).failing_since is None


async def test_a_destination_that_is_disabled_is_sent_nothing(world: World) -> None:
    """It is told once, as an event; what was queued waits."""
    to = await destination(world)
    for _ in range(2):
        await told_call(world)
    first, second = await world.deliveries.claim(to.id, "n1", MINUTE, 2)
    for claim in (first, second):
        event = Event(
            id=EventId(world.new_id()),
            type=EventType.WEBHOOK_DISABLED,
            call_id=None,
            occurred_at=world.clock.now,
            destination_id=to.id,
        )
        ending = Ending(state=DeliveryState.QUEUED, disables=REFUSED, event=event)
        await world.deliveries.conclude(claim, attempt(world, REFUSED), ending)

    disabled = await world.destinations.get(to.id)
    assert (disabled.details.enabled, disabled.disabled) == (False, REFUSED)
    assert [event.type for event in await world.feed.untold(9)] == [EventType.WEBHOOK_DISABLED]
    assert (await world.feed.untold(9))[0].destination_id == to.id
    assert await world.deliveries.due() == []
    assert await world.deliveries.claim(to.id, "n1", MINUTE, 9) == []
    await world.destinations.save(disabled.changed(to.details, world.clock.now))
    assert len(await world.deliveries.claim(to.id, "n1", MINUTE, 9)) == 2


async def test_a_lease_that_ends_frees_the_delivery(world: World) -> None:
    """At once for the next notifier, until its attempts are used up; the old one can write no more."""
    to = await destination(world)
    await told_call(world)
    old = await claimed(world, to)
    world.clock.advance(MINUTE / 2)
    await world.deliveries.renew(old, MINUTE)
    world.clock.advance(MINUTE - timedelta(microseconds=1))
    assert await world.deliveries.requeue_expired(2) == 0
    world.clock.advance(timedelta(microseconds=1))

    assert await world.deliveries.requeue_expired(2) == 1
    new = await claimed(world, to, "n2")
    with pytest.raises(LeaseLost):
        await world.deliveries.conclude(old, attempt(world), DONE)
    assert (new.delivery.attempt, new.token > old.token) == (2, True)
    world.clock.advance(MINUTE)
    assert await world.deliveries.requeue_expired(2) == 1
    assert [d.state for d in await all_of(world)] == [DeliveryState.EXHAUSTED]


async def test_leases_of_dead_notifiers_end_now(world: World) -> None:
    """Those of the living go on."""
    to = await destination(world)
    await told_call(world)
    await told_call(world)
    dead, living = await claimed(world, to, "dead"), await claimed(world, to, "living")
    assert sorted(await world.deliveries.holders()) == ["dead", "living"]

    await world.deliveries.end_leases(["dead", "unknown"])
    await world.deliveries.end_leases([])

    assert await world.deliveries.requeue_expired(2) == 1
    assert list(await world.deliveries.holders()) == ["living"]
    assert (await claimed(world, to, "n3")).delivery.id == dead.delivery.id
    await world.deliveries.renew(living, MINUTE)


async def test_what_is_handed_back_burns_no_attempt(world: World) -> None:
    """A notifier that stops is nobody's failure."""
    to = await destination(world)
    await told_call(world)

    await world.deliveries.hand_back(await claimed(world, to))

    assert (await claimed(world, to)).delivery.attempt == 1


async def test_deliveries_are_found(world: World) -> None:
    """By what they are and by their call, latest first, page by page."""
    to, held = await destination(world), await destination(world, mode=DeliveryMode.BY_HAND)
    await told_call(world, agent="ann")
    world.clock.advance(MINUTE)
    await told_call(world, agent="bob", started_at=world.clock.now)
    everything = await all_of(world)
    assert everything == sorted(everything, key=lambda d: d.id, reverse=True)
    assert list(await world.deliveries.page(DeliveryFilter(), everything[1].id, 1)) == [everything[2]]

    bob = await all_of(world, agent="bob")
    assert {d.event.call_id for d in bob} == {everything[0].event.call_id}
    assert await all_of(world, agent="bob", status=CallStatus.CREATED, started_from=world.clock.now) == bob
    assert await all_of(world, agent="bob", started_until=world.clock.now) == []
    assert await all_of(world, status=CallStatus.READY) == []
    assert await all_of(world, call_id=bob[0].event.call_id) == bob
    assert await all_of(world, happened_from=world.clock.now) == bob
    assert len(await all_of(world, happened_until=world.clock.now)) == 2
    assert {d.destination_id for d in await all_of(world, state=DeliveryState.HELD)} == {held.id}
    assert len(await all_of(world, destination_id=to.id)) == 2
    assert await all_of(world, ids=(bob[0].id,)) == [bob[0]]


async def test_queueing_begins_anew(world: World) -> None:
    """What is held, given up or delivered goes again with all attempts before it; what is on its way is left alone."""
    to, held = await destination(world), await destination(world, mode=DeliveryMode.BY_HAND)
    await told_call(world)
    claim = await claimed(world, to)
    assert await world.deliveries.queue(DeliveryFilter()) == 1
    await world.deliveries.conclude(claim, attempt(world), DONE)
    assert await world.deliveries.queue(DeliveryFilter(state=DeliveryState.EXHAUSTED)) == 0

    assert await world.deliveries.queue(DeliveryFilter(destination_id=to.id)) == 1

    again = await claimed(world, to)
    assert (again.delivery.id, again.delivery.attempt) == (claim.delivery.id, 1)
    await world.deliveries.conclude(again, attempt(world), DONE)
    assert len((await world.deliveries.get(again.delivery.id))[1]) == 2
    assert (await claimed(world, held)).delivery.attempt == 1


async def test_what_was_never_sent_can_be_made_up(world: World) -> None:
    """Events of a time when the destination was not there yet, of the types that it wants, once."""
    await told_call(world)
    since = world.clock.now
    await world.attached()
    await told(world)
    to = await destination(world, event_types=(EventType.CALL_CREATED,))
    until = since + MINUTE

    assert await world.deliveries.make_up(to, until, until + MINUTE) == 0
    assert await world.deliveries.make_up(to, since, until) == 2
    assert await world.deliveries.make_up(to, since, until) == 0

    assert [d.event.type for d in await all_of(world)] == [EventType.CALL_CREATED] * 2


async def test_an_erased_call_is_delivered_no_more(world: World) -> None:
    """Only that it was deleted is; a notifier that is sending at the moment loses its claim."""
    to = await destination(world)
    call = await world.added()
    await told(world)
    claim = await claimed(world, to)

    await world.calls.erase(call.id, world.event(call.id, EventType.CALL_DELETED))
    await told(world)

    assert [d.event.type for d in await all_of(world)] == [EventType.CALL_DELETED]
    with pytest.raises(LeaseLost):
        await world.deliveries.conclude(claim, attempt(world), DONE)


async def test_what_is_on_its_way_is_counted(world: World) -> None:
    """Queued and running; what a disabled destination has waiting is nobody's delay."""
    assert (await world.deliveries.depth(), await world.deliveries.oldest()) == ({"queued": 0, "running": 0}, None)
    to = await destination(world)
    for _ in range(3):
        await told_call(world)
        world.clock.advance(MINUTE)
    first = await claimed(world, to)
    assert await world.deliveries.depth() == {"queued": 2, "running": 1}
    assert await world.deliveries.oldest() == first.delivery.created_at

    await world.deliveries.conclude(first, attempt(world), DONE)
    assert await world.deliveries.oldest() == first.delivery.created_at + MINUTE
    await world.destinations.save(to.changed(replace(to.details, enabled=False), world.clock.now))
    assert (await world.deliveries.depth(), await world.deliveries.oldest()) == ({"queued": 2, "running": 0}, None)


async def test_events_are_forgotten_when_nobody_waits_for_them(world: World) -> None:
    """With their deliveries and the log; what is queued, running or held keeps its event."""
    to = await destination(world)
    by_hand = await destination(world, mode=DeliveryMode.BY_HAND, event_types=(EventType.CALL_READY,))
    for _ in range(3):
        await told_call(world)
    done, running = [await claimed(world, to) for _ in range(2)]
    await world.deliveries.conclude(done, attempt(world), DONE)
    later = world.clock.now + MINUTE

    assert await world.feed.forget(later, 100) == 1
    with pytest.raises(DeliveryNotFound):
        await world.deliveries.get(done.delivery.id)
    left = [delivery.id for delivery in await all_of(world)]
    assert (running.delivery.id in left, len(left)) == (True, 2)

    await world.deliveries.conclude(running, attempt(world, REFUSED), Ending(state=DeliveryState.EXHAUSTED))
    await world.destinations.remove(by_hand.id)
    assert await world.feed.forget(later, 100) == 1
    assert [d.state for d in await all_of(world)] == [DeliveryState.QUEUED]


def test_no_adapter_is_left_out() -> None:
    """Every adapter of the ports is held to this contract."""
    assert set(Destinations.__subclasses__()) == {MemoryDestinations, SqlDestinations}
    assert set(Deliveries.__subclasses__()) == {MemoryDeliveries, SqlDeliveries}
