"""Search against a reference so simple that it must be right, over random calls, filters and pages."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calls_core.call import Call, CallStatus
from calls_core.findings import Transcript
from calls_core.search import CallFilter, Order, PageRequest, StatsBucket, search_key
from calls_core.spoken import WordQuery
from tests.contracts.worlds import START, STEMMER, World, standing_world

SECOND = timedelta(seconds=1)
# Few and alike, so that most queries find several calls.
PARTIES = st.sampled_from(["aaaa", "aa7aa", "7a%aa", "Яaa_\\a", "\"aa'+", "7"])
QUERIES = st.sampled_from(
    [
        "aa",
        "aaa",
        "aaaa",
        "a",
        "7a",
        "aa7",
        "a%",
        "я",
        "яa",
        "яaa",
        "_\\a",
        '"a',
        "aa'",
        "zz",
        "aa7aa",
        "7a%aa",
        "яaa_\\a",
    ]
)
MOMENTS = st.builds(
    lambda seconds, fraction: START + timedelta(seconds=seconds, microseconds=fraction),
    st.integers(-3, 3) | st.sampled_from([-3600, 86400]),
    st.sampled_from([0, 0, 1, 999_999]),
)
TEXTS = st.lists(st.sampled_from(["a", "b", "мир", "Договоры,"]), max_size=4).map(" ".join)


@dataclass(frozen=True)
class Draft:
    caller: str
    receiver: str
    started_at: datetime
    status: CallStatus
    agent: str | None
    tags: tuple[str, ...]
    duration_sec: float | None
    text: str | None


DRAFTS = st.lists(
    st.builds(
        Draft,
        caller=PARTIES,
        receiver=PARTIES,
        started_at=MOMENTS,
        status=st.sampled_from(CallStatus),
        agent=st.none() | st.sampled_from(["a", "b"]),
        tags=st.lists(st.sampled_from(["x", "y"]), unique=True).map(tuple),
        duration_sec=st.none() | st.sampled_from([0.0, 1.5, 3.0]),
        text=st.none() | TEXTS,
    ),
    max_size=12,
)
ASKED = st.sampled_from(["a", "b a", '"b a"', "a-b -мир", 'Мир -"a b"', '"b a b" -договора', 'a "ДОГОВОР мир"', "zz"])
FILTERS = st.builds(
    CallFilter,
    query=st.none() | QUERIES,
    status=st.none() | st.sampled_from(CallStatus),
    started_from=st.none() | MOMENTS,
    started_until=st.none() | MOMENTS,
    tag=st.none() | st.sampled_from(["x", "z"]),
    agent=st.none() | st.sampled_from(["a", "A"]),
    text=st.none() | ASKED.map(WordQuery.parsed),
    min_duration=st.none() | st.sampled_from([0.0, 1.5]),
    max_duration=st.none() | st.sampled_from([1.5, 2.0]),
)
NARROW = st.builds(CallFilter, query=QUERIES, started_from=st.none() | MOMENTS)


def says(said: list[str], asked: WordQuery) -> bool:
    def has(phrase: tuple[str, ...]) -> bool:
        return any(tuple(said[i : i + len(phrase)]) == phrase for i in range(len(said)))

    return all(map(has, asked.wanted)) and not any(map(has, asked.unwanted))


def fits(call: Call, text: str | None, wanted: CallFilter) -> bool:
    """The docstring of ``CallFilter``, line by line."""
    details, duration = call.details, call.duration_sec
    said = None if text is None else text.lower().replace("договоры,", "договор").split()
    return all(
        (
            wanted.query is None or wanted.query in search_key(call),
            wanted.status is None or wanted.status is call.status,
            wanted.started_from is None or wanted.started_from <= details.started_at,
            wanted.started_until is None or details.started_at < wanted.started_until,
            wanted.tag is None or wanted.tag in details.tags,
            wanted.agent is None or wanted.agent == details.agent,
            wanted.text is None or (said is not None and says(said, wanted.text.stemmed(STEMMER.stem))),
            wanted.min_duration is None or (duration is not None and wanted.min_duration <= duration),
            wanted.max_duration is None or (duration is not None and duration <= wanted.max_duration),
        )
    )


async def stored(world: World, drafts: Sequence[Draft]) -> list[tuple[Call, str | None]]:
    """Put the drafts into the world; each comes back as it must be found."""
    made = []
    for draft in drafts:
        call = world.new_call(
            caller=draft.caller,
            receiver=draft.receiver,
            started_at=draft.started_at,
            agent=draft.agent,
            tags=draft.tags,
        )
        changed: dict[str, Any] = {
            "status": draft.status,
            "duration_sec": draft.duration_sec,
            "silence_sec": draft.duration_sec,
        }
        if draft.text is None:
            call = replace(call, **changed)
            await world.calls.add(call, [])
        else:
            acceptance = await world.acceptance(call)
            await world.calls.ingest(acceptance)
            claim = await world.claimed()
            recording = acceptance.recording.complete("ai", Transcript(text=draft.text), world.clock.now)
            call = replace(acceptance.call, **changed)
            await world.jobs.finish(claim, call, recording, [], fresh=["ai"])
        made.append((call, draft.text))
    return made


async def check_pages(world: World, expected: Sequence[Call], wanted: CallFilter, limit: int, order: Order) -> None:
    request, joined = PageRequest(limit=limit, order=order), []
    while True:
        page = await world.search.page(wanted, request)
        assert page.total == len(expected)
        assert not page.total_capped
        uncounted = await world.search.page(wanted, replace(request, count=False))
        assert (uncounted.items, uncounted.total, uncounted.next_cursor) == (page.items, 0, page.next_cursor)
        if request.cursor is None or len(joined) < 3:
            skipped = await world.search.page(wanted, PageRequest(limit=limit, order=order, offset=len(joined)))
            assert skipped.items == page.items
        joined.extend(page.items)
        if page.next_cursor is None:
            break
        request = replace(request, cursor=page.next_cursor)
    assert joined == expected


async def check_statistics(world: World, expected: Sequence[Call], wanted: CallFilter) -> None:
    rows = await world.search.statistics(wanted, StatsBucket.HOUR)
    assert sum(row.calls for row in rows) == len(expected)
    assert sum(row.measured for row in rows) == sum(call.duration_sec is not None for call in expected)
    assert sum(row.duration_sec for row in rows) == sum(call.duration_sec or 0 for call in expected)
    assert [row.start for row in rows] == sorted(
        {call.details.started_at.replace(minute=0, second=0, microsecond=0) for call in expected}
    )


@pytest.mark.thorough
def test_search_agrees_with_the_reference(database_url: str | None) -> None:
    """Pages joined by cursor are exactly the fitting calls, in order; offsets, totals and statistics agree."""
    examples = 150 if database_url is None else 40

    @settings(max_examples=examples, deadline=None)
    @given(
        drafts=DRAFTS,
        filters=st.lists(FILTERS | NARROW, min_size=1, max_size=6),
        limit=st.integers(1, 5),
        order=st.sampled_from(Order),
    )
    def agrees(drafts: list[Draft], filters: list[CallFilter], limit: int, order: Order) -> None:
        async def example() -> None:
            await world.clear()
            calls = await stored(world, drafts)
            for wanted in filters:
                expected = [call for call, text in calls if fits(call, text, wanted)]
                expected.sort(key=lambda call: (call.details.started_at, call.id), reverse=order is Order.NEWEST)
                await check_pages(world, expected, wanted, limit, order)
                await check_statistics(world, expected, wanted)

        run(example())

    with standing_world(database_url) as (world, run):
        agrees()
