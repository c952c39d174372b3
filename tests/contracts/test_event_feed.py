"""What every feed of events must do."""

import asyncio
from collections.abc import Sequence

import pytest

from calls_adapters.memory import MemoryEventFeed
from calls_adapters.sql import SqlEventFeed
from calls_core.events import Event, EventType
from calls_core.ports import EventBodies, EventFeed, FeedEntry, Told
from calls_core.use_cases.tell_events import TellEvents
from tests.contracts.worlds import MINUTE, World

pytestmark = pytest.mark.anyio


class NamedBodies(EventBodies):
    """Enough of a body to know it again."""

    async def body(self, event: Event) -> bytes:
        return f"тело {event.id}".encode()


async def told(world: World) -> int:
    return await TellEvents(world.feed, NamedBodies())()


async def read_all(feed: EventFeed, position: int = 0) -> Sequence[FeedEntry]:
    return await feed.after(position, 1000)


async def test_an_event_is_in_the_feed_once_it_was_told(world: World) -> None:
    """With its body as it was then, at a place after all that were told before."""
    start = await world.feed.latest()
    call = await world.added()
    event = (await world.events())[0]
    assert (await world.feed.untold(10), await read_all(world.feed, start)) == ([event], [])

    assert (await told(world), await told(world)) == (1, 0)

    assert await world.feed.untold(10) == []
    assert await read_all(world.feed, start) == [FeedEntry(start + 1, Told(event, f"тело {event.id}".encode()))]
    assert await world.feed.latest() == start + 1
    assert event.call_id == call.id


async def test_the_feed_is_read_in_pages(world: World) -> None:
    """Each goes on where the one before it ended."""
    start = await world.feed.latest()
    calls = [await world.added() for _ in range(5)]
    await told(world)

    first = await world.feed.after(start, 3)
    rest = await world.feed.after(first[-1].position, 3)

    assert [entry.told.event.call_id for entry in (*first, *rest)] == [call.id for call in calls]
    assert await world.feed.after(rest[-1].position, 3) == []


async def test_what_is_told_twice_keeps_its_place_and_body(world: World) -> None:
    """Two processes may have composed the same event: the first one counts."""
    start = await world.feed.latest()
    await world.added()
    event = (await world.feed.untold(1))[0]

    assert await world.feed.tell([Told(event, b"first")]) == 1
    assert await world.feed.tell([Told(event, b"second")]) == 0
    assert await world.feed.tell([]) == 0

    assert [entry.told.body for entry in await read_all(world.feed, start)] == [b"first"]


async def test_places_are_never_given_again(world: World) -> None:
    """An erased call takes its events along, also the last of all; what comes then comes after what was read."""
    call = await world.added()
    await told(world)
    read = await world.feed.latest()

    await world.calls.erase(call.id, world.event(call.id, EventType.CALL_DELETED))
    await told(world)

    entries = await read_all(world.feed, read)
    assert [(entry.position, entry.told.event.type) for entry in entries] == [(read + 1, EventType.CALL_DELETED)]


async def test_an_event_that_was_erased_meanwhile_is_left_out(world: World) -> None:
    """It had no place yet, and gets none."""
    call = await world.added()
    event = (await world.feed.untold(1))[0]
    await world.calls.erase(call.id, world.event(call.id, EventType.CALL_DELETED))

    assert await world.feed.tell([Told(event, b"late")]) == 0


async def test_a_reader_misses_nothing_that_is_told_meanwhile(world: World) -> None:
    """Calls come in and three processes tell at once: whoever reads along sees each event once, in the feed's order."""
    start = await world.feed.latest()
    writing = asyncio.gather(*(world.added() for _ in range(40)))

    async def tell() -> None:
        while not writing.done() or await world.feed.untold(1):
            await told(world)
            await asyncio.sleep(0)

    telling = asyncio.gather(*(tell() for _ in range(3)))
    seen: list[FeedEntry] = []
    while not telling.done() or len(seen) < 40:
        seen += await world.feed.after(seen[-1].position if seen else start, 7)
        await asyncio.sleep(0)
    await telling

    assert {entry.told.event.call_id for entry in seen} == {call.id for call in await writing}
    assert seen == await read_all(world.feed, start)
    assert len(seen) == 40


async def test_old_events_are_forgotten(world: World) -> None:
    """Oldest first and some at a time; the feed knows where it begins, and what was not told yet stays."""
    for _ in range(3):
        await world.added()
    await told(world)
    old = [entry.position for entry in (await read_all(world.feed))[-3:]]
    world.clock.advance(MINUTE)
    await world.added()
    begins = await world.feed.begins_after()

    assert await world.feed.forget(world.clock.now - MINUTE, 100) == 0
    assert await world.feed.begins_after() == begins
    assert await world.feed.forget(world.clock.now, 2) == 2
    assert await world.feed.begins_after() == old[1]
    assert [entry.position for entry in await read_all(world.feed, old[0])] == old[2:]
    world.clock.advance(MINUTE)
    assert await world.feed.forget(world.clock.now, 100) == 1
    assert await told(world) == 1


def test_no_adapter_is_left_out() -> None:
    """Every adapter of the port is held to this contract."""
    assert set(EventFeed.__subclasses__()) == {MemoryEventFeed, SqlEventFeed}
