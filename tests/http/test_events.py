"""The feed of events over HTTP."""

import json
from datetime import UTC, datetime

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from calls_adapters.memory import MemoryDatabase, MemoryEventFeed
from calls_core.findings import Transcript
from calls_core.use_cases.tell_events import FollowEvents
from calls_http.events import Streaming, messages
from tests.http.made_up import SIGNAL
from tests.http.memory_service import MemoryService
from tests.http.test_calls import CALL

pytestmark = pytest.mark.anyio

Client = AsyncTestClient[Litestar]


async def processed(client: Client, memory: MemoryService, text: str = "hello") -> str:
    """A call that is ready and whose events are told; *text* was said."""
    key: str = (await client.post("/calls", json=CALL)).json()["id"]
    (await client.put(f"/calls/{key}/recording?filename=a.wav", content=b"RIFF" * 100)).raise_for_status()
    await memory.tell()
    await memory.finish(key, {"signal": SIGNAL, "words": Transcript(text=text)})
    await memory.tell()
    return key


async def test_events_tell_the_call_as_the_api_shows_it(client: Client, memory: MemoryService) -> None:
    """In order; what is ready has its recording with it, transcript included."""
    key = await processed(client, memory)

    page = (await client.get("/events")).json()

    assert [event["type"] for event in page["items"]] == ["call.created", "recording.attached", "call.ready"]
    ready = page["items"][2]
    assert ready["data"] == {
        "call_id": key,
        "call": (await client.get(f"/calls/{key}")).json(),
        "recording": (await client.get(f"/calls/{key}/recording")).json(),
    }
    assert page["next_cursor"] == ready["cursor"]
    assert page["items"][0]["data"]["recording"] is None
    rest = (await client.get("/events", params={"after": ready["cursor"]})).json()
    assert rest == {"items": [], "next_cursor": ready["cursor"]}


async def test_a_body_stays_small(client: Client, memory: MemoryService) -> None:
    """A transcript that would take it over 20 kB is left out, and the body says where to get it."""
    key = await processed(client, memory, "long talk " * 2000)

    data = (await client.get("/events")).json()["items"][2]["data"]

    assert data["transcript_url"] == f"/calls/{key}/transcript"
    assert data["recording"]["transcription"] is None
    assert set(data["recording"]["findings"]) == {"signal"}
    assert (await client.get(f"{data['transcript_url']}?format=text")).text == "long talk " * 2000


@pytest.mark.parametrize(
    "query", ["after=x", "after=-1", "after=", "after=1e3", "after=" + "9" * 19, "limit=0", "limit=201", "limit=x"]
)
async def test_what_is_no_cursor_is_refused(client: Client, query: str) -> None:
    """With 422, not with everything from the beginning."""
    assert (await client.get(f"/events?{query}")).status_code == 422


async def test_a_stream_goes_on_where_it_was_cut_off(client: Client, memory: MemoryService) -> None:
    """Each message has its cursor as id; Last-Event-ID goes before after."""
    await processed(client, memory)
    first = int((await client.get("/events", params={"limit": 1})).json()["next_cursor"])

    answer = await client.get("/events/stream", params={"after": "0"}, headers={"Last-Event-ID": str(first)})

    assert answer.headers["content-type"].startswith("text/event-stream")
    messages = [dict(line.split(": ", 1) for line in m.splitlines()) for m in answer.text.split("\n\n") if "id: " in m]
    assert [(m["id"], m["event"]) for m in messages] == [
        (str(first + 1), "recording.attached"),
        (str(first + 2), "call.ready"),
    ]
    page = (await client.get("/events", params={"after": str(first)})).json()
    assert [json.loads(m["data"]) for m in messages] == page["items"]
    assert (await client.get("/events/stream", headers={"Last-Event-ID": "x"})).status_code == 422


async def test_a_stream_begins_now(client: Client, memory: MemoryService) -> None:
    """Unless it is told where."""
    await processed(client, memory)

    assert "id:" not in (await client.get("/events/stream")).text


async def test_an_idle_stream_says_that_it_lives() -> None:
    """A comment now and then, and it ends at once when the server stops."""
    life = Streaming(heartbeat_sec=0.01)
    stream = messages(FollowEvents(MemoryEventFeed(MemoryDatabase(), lambda: datetime.now(UTC)))(0), life)

    assert [await anext(stream) for _ in range(3)] == [b"retry: 3000\n\n", b":\n\n", b":\n\n"]
    life.stopping.set()
    assert [piece async for piece in stream] == []


@pytest.mark.parametrize("path", ["/events", "/events/stream"])
async def test_a_cursor_that_was_never_given_is_told_so(client: Client, memory: MemoryService, path: str) -> None:
    """As after a backup was restored: whoever read further than it goes would miss events without knowing."""
    await processed(client, memory)
    last = int((await client.get("/events")).json()["next_cursor"])
    assert [(await client.get(path, params={"after": str(last + n)})).status_code for n in (0, 1)] == [200, 410]


async def test_a_cursor_older_than_what_is_kept_is_told_so(client: Client, memory: MemoryService) -> None:
    """Nobody misses events without knowing; without a cursor, the feed begins with what is there."""
    await processed(client, memory)
    second = (await client.get("/events")).json()["items"][1]["cursor"]
    assert await memory.feed.forget(datetime(2999, 1, 1, tzinfo=UTC), 2) == 2

    for path, options in (
        ("/events?after=0", {}),
        ("/events/stream?after=1", {}),
        ("/events/stream", {"headers": {"Last-Event-ID": "1"}}),
    ):
        refused = await client.get(path, **options)
        assert (refused.status_code, refused.json()["type"]) == (410, "urn:calls:problem:events-forgotten")
    kept = [event["type"] for event in (await client.get("/events")).json()["items"]]
    assert kept == ["call.ready"]
    assert (await client.get("/events", params={"after": second})).status_code == 200
