"""What every call search must do."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from calls_adapters.memory import MemoryCallSearch
from calls_adapters.sql import SqlCallSearch
from calls_core.call import CallStatus
from calls_core.events import EventType
from calls_core.ports import CallSearch
from calls_core.recording import CallId
from calls_core.search import CallFilter, Order, PageRequest, StatsBucket, StatsRow
from calls_core.spoken import WordQuery
from tests.contracts.worlds import MINUTE, SIGNAL, START, TRANSCRIPT, World

pytestmark = pytest.mark.anyio

SECOND = timedelta(seconds=1)
PARTIES = [
    ("+7 900 123-45-67", "102"),
    ("Анна.К", "straße"),
    ("100%_a\\b", '"q"'),
    ("👍x", "İstanbul"),
]


async def found(world: World, wanted: CallFilter) -> list[CallId]:
    page = await world.search.page(wanted, PageRequest())
    assert (page.total, page.total_capped, page.next_cursor) == (len(page.items), False, None)
    return [call.id for call in page.items]


async def test_finds_nothing_where_there_is_nothing(world: World) -> None:
    """An empty list is a list."""
    for wanted in (CallFilter(), CallFilter(query="79"), CallFilter(query="790", text=WordQuery.parsed("yes"))):
        page = await world.search.page(wanted, PageRequest(offset=3))

        assert (page.items, page.total, page.total_capped, page.next_cursor) == ((), 0, False, None)
        assert await world.search.statistics(wanted, StatsBucket.DAY) == []


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("+7900", [0]),
        (" 7900", [0]),
        ("7 (900) 123", [0]),
        ("45-67", [0]),
        ("67", [0]),
        ("02", [0]),
        ("10", [0, 2]),
        ("6710", []),
        ("71", []),
        ("АННА.К", [1]),
        ("на", [1]),
        ("нн.", []),
        ("straße", [1]),
        ("100%", [2]),
        ("%_", [2]),
        ("0__", []),
        ("__", []),
        ("a\\b", [2]),
        ("\\b", [2]),
        ('"q"', [2]),
        ('q"', [2]),
        ("''", []),
        ("q' OR '1'='1", []),
        ("NOT q", []),
        ("**", []),
        ("👍x", [3]),
        ("istanbul", []),
        ("i̇s", [3]),
        ("İSTAN", [3]),
    ],
)
async def test_finds_a_piece_of_caller_or_receiver(world: World, query: str, expected: list[int]) -> None:
    """Case, spaces, dashes and brackets do not count; every other character stands for itself; parties are apart."""
    ids = [(await world.added(caller=caller, receiver=receiver)).id for caller, receiver in PARTIES]

    assert await found(world, CallFilter.checked(query=query)) == [ids[index] for index in reversed(expected)]


async def test_a_single_character_is_found_too(world: World) -> None:
    """Clients may not ask for it, but the library does not rely on that."""
    call = await world.added(receiver="x%")
    await world.added(receiver="y")

    assert await found(world, CallFilter(query="%")) == [call.id]


async def test_lists_the_latest_first(world: World) -> None:
    """Calls of one moment are ordered by their id in the same direction; oldest first is the exact reverse."""
    same = [await world.added(started_at=START, caller="same") for _ in range(3)]
    late = await world.added(started_at=START + timedelta(microseconds=1), caller="same")
    early = await world.added(started_at=START - timedelta(microseconds=1), caller="same")
    order = [late.id, *(call.id for call in reversed(same)), early.id]

    for query in (None, "am", "sam", "same"):
        newest = await world.search.page(CallFilter(query=query), PageRequest())
        oldest = await world.search.page(CallFilter(query=query), PageRequest(order=Order.OLDEST))

        assert [call.id for call in newest.items] == order
        assert [call.id for call in oldest.items] == order[::-1]


@pytest.mark.parametrize("order", list(Order))
@pytest.mark.parametrize("query", [None, "00", "+7900"])
async def test_pages_join_without_gap_or_overlap(world: World, order: Order, query: str | None) -> None:
    """By cursor as by offset; the last page has no cursor; the total is that of the whole list."""
    for number in range(11):
        await world.added(started_at=START + timedelta(seconds=number // 4))
    whole = (await world.search.page(CallFilter(query=query), PageRequest(order=order))).items
    assert len(whole) == 11

    request, pages = PageRequest(limit=3, order=order), []
    while True:
        page = await world.search.page(CallFilter(query=query), request)
        by_offset = await world.search.page(
            CallFilter(query=query), PageRequest(limit=3, order=order, offset=len(pages))
        )
        assert (page.items, page.total) == (by_offset.items, 11)
        pages.extend(page.items)
        if page.next_cursor is None:
            break
        request = replace(request, cursor=page.next_cursor)

    assert tuple(pages) == whole


async def test_a_page_that_ends_with_the_list_has_no_cursor(world: World) -> None:
    """As many calls as the limit, and no more."""
    await world.added()
    await world.added()

    assert (await world.search.page(CallFilter(), PageRequest(limit=2))).next_cursor is None
    assert (await world.search.page(CallFilter(query="79"), PageRequest(limit=2))).next_cursor is None


async def test_a_cursor_survives_the_call_it_was_made_from(world: World) -> None:
    """It is a place, not a call."""
    calls = [await world.added(started_at=START + SECOND * number) for number in range(3)]
    page = await world.search.page(CallFilter(), PageRequest(limit=1))
    await world.calls.erase(calls[2].id, world.event(calls[2].id, EventType.CALL_DELETED))

    following = await world.search.page(CallFilter(), PageRequest(limit=1, cursor=page.next_cursor))

    assert following.items == (calls[1],)


async def test_time_is_half_open(world: World) -> None:
    """From the first moment, up to and not including the last, to the microsecond."""
    tick = timedelta(microseconds=1)
    calls = [
        await world.added(started_at=START + offset) for offset in (-tick, timedelta(0), tick, SECOND - tick, SECOND)
    ]
    ids = [call.id for call in calls]

    for query in (None, "79", "790"):
        assert await found(world, CallFilter(query=query, started_from=START)) == ids[:0:-1]
        assert await found(world, CallFilter(query=query, started_until=START)) == ids[:1]
        assert await found(world, CallFilter(query=query, started_until=START + tick)) == ids[1::-1]
        whole = CallFilter(query=query, started_from=START + tick, started_until=START + SECOND)
        assert await found(world, whole) == [ids[3], ids[2]]


async def test_filters_narrow_each_other(world: World) -> None:
    """Each by itself, all together, and none that does not fit."""
    call = await world.finished({"signal": SIGNAL, "ai": TRANSCRIPT}, agent="Ольга", tags=["vip", "%"])
    await world.added(agent="Ольга", tags=["VIP", "vi"], caller="somebody else")
    fitting: dict[str, Any] = {
        "query": "7900",
        "status": CallStatus.READY,
        "started_from": call.details.started_at,
        "started_until": call.details.started_at + SECOND,
        "tag": "vip",
        "agent": "Ольга",
        "text": "cost 5",
        "min_duration": 2.5,
        "max_duration": 2.5,
    }
    failing = {
        "query": "7901",
        "status": CallStatus.FAILED,
        "started_from": call.details.started_at + SECOND,
        "started_until": call.details.started_at,
        "tag": "v",
        "agent": "ольга",
        "text": "cost -5",
        "min_duration": 2.51,
        "max_duration": 2.49,
    }

    for name, value in fitting.items():
        assert call.id in await found(world, CallFilter.checked(**{name: value}))
        assert await found(world, CallFilter.checked(**fitting | {name: failing[name]})) == []
    assert await found(world, CallFilter.checked(**fitting)) == [call.id]


async def test_finds_what_was_said(world: World) -> None:
    """In any form and case, as soon as the step is stored, and what a later step says instead."""
    acceptance = await world.attached()
    claim = await world.claimed()
    recording = acceptance.recording.begin("ai", world.clock.now).complete("ai", TRANSCRIPT, world.clock.now)
    await world.jobs.save_step(claim, recording, "ai")
    for text in ("ДОБРЫЕ   день", "день! it", "«добрый день»", "costing -7"):
        assert await found(world, CallFilter.checked(text=text)) == [acceptance.call.id]

    other = replace(TRANSCRIPT, text="Good evening")
    recording = recording.begin("ai", world.clock.now).complete("ai", other, world.clock.now)
    call = acceptance.call.finish_processing(recording, world.clock.now)
    await world.jobs.finish(claim, call, recording, [], fresh=["ai"])

    assert await found(world, CallFilter.checked(text="день")) == []
    assert await found(world, CallFilter.checked(text="EVENING")) == [call.id]


async def test_an_erased_call_is_found_no_more(world: World) -> None:
    """Neither by its number nor by its tag."""
    call = await world.added(tags=["vip"])
    await world.calls.erase(call.id, world.event(call.id, EventType.CALL_DELETED))

    for wanted in (CallFilter(query="79"), CallFilter(query="7900"), CallFilter(tag="vip"), CallFilter()):
        assert await found(world, wanted) == []


async def test_counts_up_to_a_cap(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond it the total says so; it is exact when asked for, and left out when not wanted."""
    for module in ("memory.search", "sql.search", "sql.finding"):
        monkeypatch.setattr(f"calls_adapters.{module}.COUNT_CAP", 5)
    for number in range(7):
        await world.added(started_at=START + MINUTE * number, tags=["vip"])

    filters = [CallFilter(query=query) for query in (None, "79", "790", "7900123")]
    for wanted in (*filters, CallFilter(tag="vip"), CallFilter(query="7900123", tag="vip")):
        for request in (PageRequest(limit=2), PageRequest(limit=3, offset=6), PageRequest(limit=200)):
            capped = await world.search.page(wanted, request)
            exact = await world.search.page(wanted, replace(request, exact_count=True))
            uncounted = await world.search.page(wanted, replace(request, count=False))

            assert (capped.total, capped.total_capped) == (5, True)
            assert (exact.total, exact.total_capped) == (7, False)
            assert (uncounted.total, uncounted.total_capped) == (0, False)
            assert capped.items == exact.items == uncounted.items
    fitting = CallFilter(started_until=START + MINUTE * 5)
    page = await world.search.page(fitting, PageRequest(limit=2))
    assert (page.total, page.total_capped) == (5, False)


async def test_tells_how_busy_each_hour_and_day_was(world: World) -> None:
    """Counts per status, and sums over the calls that were measured, in buckets of UTC."""
    night = datetime(2026, 2, 28, 23, 59, 59, 999_999, tzinfo=UTC)
    await world.added(started_at=night)
    measured = await world.finished({"signal": SIGNAL, "ai": TRANSCRIPT}, started_at=night + timedelta(microseconds=1))
    await world.added(started_at=night + timedelta(hours=1, microseconds=1), caller="somebody else")

    days = await world.search.statistics(CallFilter(), StatsBucket.DAY)
    hours = await world.search.statistics(CallFilter(), StatsBucket.HOUR)
    narrowed = await world.search.statistics(CallFilter(query="7900", status=CallStatus.READY), StatsBucket.HOUR)

    def row(hour: datetime, by_status: dict[CallStatus, int], measured: int = 0) -> StatsRow:
        return StatsRow(
            start=hour,
            by_status=by_status,
            measured=measured,
            duration_sec=2.5 * measured,
            silence_sec=0.75 * measured,
        )

    midnight = datetime(2026, 3, 1, tzinfo=UTC)
    created, ready = CallStatus.CREATED, measured.status
    assert days == [row(midnight - timedelta(days=1), {created: 1}), row(midnight, {created: 1, ready: 1}, 1)]
    assert hours == [
        row(midnight - timedelta(hours=1), {created: 1}),
        row(midnight, {ready: 1}, 1),
        row(midnight + timedelta(hours=1), {created: 1}),
    ]
    assert narrowed == hours[1:2]


def test_no_adapter_is_left_out() -> None:
    """Every adapter of the port is held to this contract."""
    assert set(CallSearch.__subclasses__()) == {MemoryCallSearch, SqlCallSearch}
