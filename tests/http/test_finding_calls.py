"""The list, its filters and its paging; the statistics; what is refused in a query string."""

from datetime import UTC, datetime
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from tests.http.memory_service import MemoryService
from tests.http.test_calls import register

pytestmark = pytest.mark.anyio

Client = AsyncTestClient[Litestar]


async def found(client: Client, query: str) -> list[str]:
    answer = await client.get(f"/calls?{query}")
    assert answer.status_code == 200, answer.text
    return [item["caller"] for item in answer.json()["items"]]


async def refused(client: Client, path: str) -> dict[str, Any]:
    answer = await client.get(path)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    return problem


@pytest.mark.parametrize("query", ["+7900", "%2B7900", "790", "7 (9)00", "sip:", "SIP:ANNA"])
async def test_numbers_are_found_however_they_are_written(client: Client, query: str) -> None:
    """An unencoded plus arrives as a space and still finds +7900; spaces, dashes, brackets and case do not matter."""
    await register(client, caller="+7 900-123", receiver="sip:anna@pbx")
    await register(client, caller="8495", receiver="2")
    assert await found(client, f"query={query}") == ["+7 900-123"]


async def test_filters_narrow_the_list(client: Client, memory: MemoryService) -> None:
    """Every filter works by itself, and time is half-open: from is in, until is out."""
    await register(client, caller="a", started_at="2026-01-01T00:00:00Z", agent="ann", tags=["x", "y"])
    measured = await register(client, caller="b", started_at="2026-01-02T00:00:00Z", agent="bob", tags=["y"])
    await client.post(f"/calls/{measured['id']}/recording", files={"file": ("a.wav", b"RIFF")})
    await memory.finish(measured["id"])
    for query, expected in {
        "": ["b", "a"],
        "order=started_at": ["a", "b"],
        "order=-started_at": ["b", "a"],
        "status=ready": ["b"],
        "status=created": ["a"],
        "agent=ann": ["a"],
        "tag=y": ["b", "a"],
        "tag=x": ["a"],
        "started_from=2026-01-02T00:00:00Z": ["b"],
        "started_until=2026-01-02T00:00:00Z": ["a"],
        "started_from=2026-01-02T03:00:00%2B03:00": ["b"],
        "started_from=2026-01-02T03:00:00+03:00": ["b"],
        "min_duration=2.5&max_duration=2.5": ["b"],
        "max_duration=2.4": [],
        "text=HOW%20%3Care": ["b"],
        "limit=1": ["b"],
        "limit=1&offset=1": ["a"],
        "offset=2": [],
    }.items():
        assert await found(client, query) == expected, query


async def test_highlights_show_what_was_said(client: Client, memory: MemoryService) -> None:
    """With text, each item has the segments with its words and where in them they are; without, null."""
    call = await register(client)
    await client.post(f"/calls/{call['id']}/recording", files={"file": ("a.wav", b"RIFF")})
    await memory.finish(call["id"])

    item = (await client.get('/calls?text="how are" -goodbye')).json()["items"][0]
    other = (await client.get("/calls")).json()["items"][0]

    place = item["highlights"][0]
    assert [place["text"][start:end].lower() for start, end in place["marks"]] == ["how <are"]
    assert set(place) == {"text", "start_sec", "end_sec", "channel", "marks"}
    assert item == other | {"highlights": item["highlights"]}
    assert other["highlights"] is None


async def test_a_cursor_leads_through_the_whole_list(client: Client) -> None:
    """next_cursor continues after the last item and is null at the end; total counts all."""
    for number in range(5):
        await register(client, caller=str(number), started_at=f"2026-01-0{number + 1}T00:00:00Z")
    callers, path = [], "/calls?limit=2"
    while True:
        page = (await client.get(path)).json()
        assert set(page) == {"total", "total_capped", "items", "next_cursor"}
        assert (page["total"], page["total_capped"]) == (5, False)
        callers += [item["caller"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        path = f"/calls?limit=2&count=exact&cursor={page['next_cursor']}"
    assert callers == ["4", "3", "2", "1", "0"]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("limit=0", "/limit"),
        ("limit=201", "/limit"),
        ("limit=-1", "/limit"),
        ("limit=abc", "/limit"),
        ("limit=", "/limit"),
        ("limit=99999999999999999999999", "/limit"),
        ("offset=-1", "/offset"),
        ("offset=2147483648", "/offset"),
        ("cursor=nonsense", "/cursor"),
        ("cursor=%00", "/cursor"),
        ("cursor=", "/cursor"),
        ("status=done", "/status"),
        ("order=caller", "/order"),
        ("count=all", "/count"),
        ("query=7", "/query"),
        ("query=", "/query"),
        ("query=%00%00", "/query"),
        ("query=%28%29%28%29", "/query"),
        ("text=%22%2C%22", "/text"),
        ("text=-a", "/text"),
        ("text=%F0%9F%98%80", "/text"),
        ("text=a%00b", "/text"),
        ("text=" + "+".join(map(str, range(2000))), "/text"),
        ("tag=%00", "/tag"),
        ("agent=%7F", "/agent"),
        ("min_duration=-1", "/min_duration"),
        ("min_duration=nan", "/min_duration"),
        ("max_duration=inf", "/max_duration"),
        ("max_duration=long", "/max_duration"),
        ("started_from=yesterday", "/started_from"),
        ("started_from=2026-01-01", "/started_from"),
        ("started_from=2026-01-01T00:00:00", "/started_from"),
        ("started_from=1767225600", "/started_from"),
        ("started_until=0001-01-01T00:00:00%2B14:00", "/started_until"),
        ("sort=asc", "/sort"),
        ("limit=1&limit=2", "/limit"),
        ("QUERY=790", "/QUERY"),
        ("=1", "/"),
    ],
)
async def test_a_wrong_parameter_is_named(client: Client, query: str, pointer: str) -> None:
    """Whatever cannot be understood is refused with 422 and points at its parameter; nothing is ignored in silence."""
    problem = await refused(client, f"/calls?{query}")
    assert problem["type"].startswith("urn:calls:problem:invalid")
    assert [error["pointer"] for error in problem["errors"]] == [pointer]
    assert all(error["detail"] for error in problem["errors"])


async def test_a_cursor_of_ours_cannot_be_combined_with_an_offset(client: Client) -> None:
    """Two ways of paging at once are refused."""
    for number in range(2):
        await register(client, caller=str(number))
    cursor = (await client.get("/calls?limit=1")).json()["next_cursor"]
    assert (await refused(client, f"/calls?cursor={cursor}&offset=1"))["errors"][0]["pointer"] == "/offset"


async def test_unknown_parameters_are_refused_everywhere(client: Client) -> None:
    """The sentence names the accepted ones; where none is accepted it says so, and before a body is read."""
    assert "accepted are agent, count, cursor" in (await refused(client, "/calls?limt=5"))["detail"]
    call = await register(client)
    for path in (f"/calls/{call['id']}", f"/calls/{call['id']}/recording", "/intake", "/health/live"):
        assert "none is accepted" in (await refused(client, f"{path}?x=1"))["detail"]
    answer = await client.post(f"/calls/{call['id']}/recording?filename=a.wav", files={"file": ("a.wav", b"RIFF")})
    assert answer.status_code == 422


async def test_two_wrong_parameters_are_both_named(client: Client) -> None:
    """Errors has one entry for each."""
    problem = await refused(client, "/calls?min_duration=-1&started_from=now&query=1")
    assert {"/started_from"} <= {error["pointer"] for error in problem["errors"]}
    problem = await refused(client, "/calls?min_duration=-1&query=1")
    assert {error["pointer"] for error in problem["errors"]} == {"/min_duration", "/query"}


async def test_statistics_count_per_bucket(client: Client, memory: MemoryService) -> None:
    """One row per bucket with calls, in order, and a total; durations and silence come from measured calls."""
    await register(client, started_at="2026-01-01T10:30:00Z")
    await register(client, started_at="2026-01-01T23:59:59.999Z")
    measured = await register(client, started_at="2026-01-02T00:00:00Z")
    await client.post(f"/calls/{measured['id']}/recording", files={"file": ("a.wav", b"RIFF")})
    await memory.finish(measured["id"])
    stats = (await client.get("/calls/stats")).json()
    assert stats["bucket"] == "day"
    assert [(row["start"], row["calls"]) for row in stats["items"]] == [
        ("2026-01-01T00:00:00Z", 2),
        ("2026-01-02T00:00:00Z", 1),
    ]
    assert stats["items"][1] == {
        "start": "2026-01-02T00:00:00Z",
        "calls": 1,
        "by_status": {"created": 0, "processing": 0, "ready": 1, "failed": 0},
        "measured": 1,
        "duration_sec": 2.5,
        "mean_duration_sec": 2.5,
        "silence_share": 0.5,
    }
    assert (stats["total"]["calls"], stats["total"]["start"]) == (3, None)
    assert stats["total"]["by_status"] == {"created": 2, "processing": 0, "ready": 1, "failed": 0}
    hours = (await client.get("/calls/stats?bucket=hour&started_until=2026-01-02T00:00:00Z")).json()
    assert [row["start"] for row in hours["items"]] == ["2026-01-01T10:00:00Z", "2026-01-01T23:00:00Z"]
    assert (await refused(client, "/calls/stats?bucket=week"))["errors"][0]["pointer"] == "/bucket"


async def test_no_calls_make_empty_statistics(client: Client) -> None:
    """There is nothing to divide by, and no error."""
    stats = (await client.get("/calls/stats")).json()
    assert stats["items"] == []
    assert (stats["total"]["mean_duration_sec"], stats["total"]["silence_share"]) == (None, None)


async def test_times_keep_their_fraction(client: Client) -> None:
    """What was sent to the microsecond comes back so."""
    call = await register(client, started_at="2026-01-01T00:00:00.123456Z")
    assert call["started_at"] == "2026-01-01T00:00:00.123456Z"
    assert datetime.fromisoformat(call["started_at"]).tzinfo == UTC
