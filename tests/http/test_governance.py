"""Legal holds, retention and erasures, as clients see them."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from calls_core.audit import AuditFilter
from calls_core.errors import CallNotFound
from calls_core.governance import ErasureId, ErasureOutcome, RetentionRules
from calls_core.ports import AuditLog, Erasures
from calls_core.recording import CallId
from calls_core.use_cases.erase_number import EraseNumber
from calls_core.use_cases.expire_calls import ExpireCalls
from tests.http.memory_service import MemoryService
from tests.http.test_calls import CALL, register
from tests.http.test_exports import archive, manifest, recorded
from tests.http.test_tus import TUS, begun

pytestmark = pytest.mark.anyio

Client = AsyncTestClient[Litestar]
DAY = timedelta(days=1)


@pytest.fixture
async def aging() -> AsyncIterator[tuple[MemoryService, Client]]:
    """A service that keeps transcripts for 10 days, audio for 20 and calls for 30."""
    rules = RetentionRules(transcripts=DAY * 10, audio=DAY * 20, calls=DAY * 30)
    memory = MemoryService(retention=rules)
    async with AsyncTestClient(memory.app(), raise_server_exceptions=False) as client:
        yield memory, client


async def seen(client: Client, call: dict[str, Any]) -> list[tuple[int, str]]:
    """What the call, its transcript and its audio are answered with."""
    answers = [await client.get(f"/calls/{call['id']}{path}") for path in ("", "/transcript", "/recording/audio")]
    return [
        (answer.status_code, answer.json()["type"].rpartition(":")[2] if answer.is_error else "") for answer in answers
    ]


async def test_each_class_has_its_time(aging: tuple[MemoryService, Client]) -> None:
    """First what was said, then the audio, then the whole call; what is gone is told with its own code, in archives,
    too, and cannot be processed again."""
    memory, client = aging
    call = await recorded(client, memory)
    expire = await memory.made.get(ExpireCalls)
    assert sum((await expire()).values()) == 0
    memory.now += DAY * 11
    assert [found.calls for found in (await expire.preview()).values()] == [0, 1, 0]
    await expire()
    assert await seen(client, call) == [(200, ""), (410, "transcript-expired"), (200, "")]
    memory.now += DAY * 10
    await expire()
    assert await seen(client, call) == [(200, ""), (410, "transcript-expired"), (410, "audio-expired")]
    shown = (await client.get(f"/calls/{call['id']}/recording")).json()
    assert (shown["audio_expired_at"], shown["duration_sec"]) == ("2026-12-13T09:30:00Z", 2.5)
    again = await client.post(f"/calls/{call['id']}/reprocess", json={"force": True})
    assert (again.status_code, again.json()["type"]) == (410, "urn:calls:problem:audio-expired")
    [row] = manifest(await archive(client, memory))
    assert (row["audio"], row["note"]) == ("", "the audio was too old to be kept")
    memory.now += DAY * 10
    await expire()
    assert (await client.get(f"/calls/{call['id']}")).status_code == 404
    trail = await (await memory.made.get(AuditLog)).page(AuditFilter(actor="retention"), 10)
    assert [entry.action for entry in trail] == [
        "call.deleted",
        "recording.audio_expired",
        "recording.transcript_expired",
    ]


async def test_a_hold_beats_retention_and_deletion(aging: tuple[MemoryService, Client]) -> None:
    """Until it is lifted; the call shows it, and lists and exports do."""
    memory, client = aging
    call = await recorded(client, memory)
    path = f"/calls/{call['id']}"
    held = await client.put(f"{path}/legal-hold", json={"reason": " case 17 "})
    expected = {"reason": "case 17", "since": "2026-11-22T09:30:00Z", "by": "anonymous"}
    assert (held.status_code, held.json()["legal_hold"]) == (200, expected)
    assert (await client.get("/calls")).json()["items"][0]["legal_hold"] == expected
    memory.now += DAY * 100
    expire = await memory.made.get(ExpireCalls)
    await expire()
    assert [status for status, _ in await seen(client, call)] == [200, 200, 200]
    refused = await client.delete(path)
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:calls:problem:legal-hold")
    assert (await client.delete(f"{path}/legal-hold")).status_code == 204
    assert (await client.delete(path)).status_code == 204
    assert (await client.put(f"{path}/legal-hold", json={"reason": "x"})).status_code == 404


async def test_a_filter_holds_many(client: Client) -> None:
    """Those that fit, and no others."""
    anna, boris = await register(client, agent="anna"), await register(client, agent="boris")
    answer = await client.post("/legal-holds", json={"filter": {"agent": "anna"}, "reason": "case 18"})
    assert (answer.status_code, answer.json()) == (200, {"held": 1})
    assert [(await client.delete(f"/calls/{call['id']}")).status_code for call in (anna, boris)] == [409, 204]


@pytest.mark.parametrize("reason", ["", "  ", "a\nb", "x" * 501])
async def test_a_hold_needs_a_reason(client: Client, reason: str) -> None:
    """One sentence, for whoever reads it years later."""
    call = await register(client)
    answer = await client.put(f"/calls/{call['id']}/legal-hold", json={"reason": reason})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/reason")


async def test_a_number_is_erased_with_a_receipt(client: Client, memory: MemoryService) -> None:
    """As caller and as receiver, however it is written, and what is being uploaded of it; not where it is a part of
    another number, nor on a hold."""
    gone = [
        await recorded(client, memory, caller="+7 (900) 123-45-67"),
        await register(client, receiver="+79001234567"),
        await register(client, caller="7900-1234567"),
    ]
    stays = [await register(client, caller="+790012345678"), await register(client, caller="+79001234567")]
    await client.put(f"/calls/{stays[1]['id']}/legal-hold", json={"reason": "case"})
    upload = await begun(client, **(CALL | {"caller": "+79001234567"}))
    wanted = {"number": "+7 900 123 45 67"}
    dry = (await client.post("/erasures", json=wanted | {"dry_run": True})).json()
    assert (dry["id"], dry["planned"], dry["held"], dry["erased"]) == (None, 3, 1, 0)
    ordered = await client.post("/erasures", json=wanted)
    assert ordered.status_code == 202
    assert "900" not in ordered.text.replace(ordered.json()["number_sha256"], "")

    await (await memory.made.get(EraseNumber))()

    receipt = (await client.get(ordered.headers["Location"])).json()
    assert (receipt["erased"], receipt["held"], receipt["planned"]) == (3, 1, 0)
    assert receipt["finished_at"]
    lines = {line["call_id"]: line for line in receipt["calls"]}
    assert (lines[gone[0]["id"]]["outcome"], lines[stays[1]["id"]]["outcome"]) == ("erased", "held")
    assert lines[gone[0]["id"]]["size_bytes"] > 0
    assert (await client.head(upload, headers=TUS)).status_code == 404
    left = [(await client.get(f"/calls/{call['id']}")).status_code for call in (*gone, *stays)]
    assert left == [404, 404, 404, 200, 200]
    kept = await (await memory.made.get(Erasures)).get(ErasureId(UUID(receipt["id"])))
    assert kept.number is None


async def test_reading_what_was_said_is_recorded(client: Client, memory: MemoryService) -> None:
    """Wherever it stands in an answer, once while somebody reads; a recording without words is not told of."""
    call = await recorded(client, memory)
    silent = await register(client)
    await client.post(f"/calls/{silent['id']}/recording", files={"file": ("a.wav", b"RIFF")})
    for path in ("recording", "recording", "vcon"):
        await client.get(f"/calls/{call['id']}/{path}")
    await client.get(f"/calls/{silent['id']}/recording")
    entries = (await client.get("/audit")).json()["items"]
    assert [(e["action"], e["call_id"]) for e in entries] == [
        ("calls.exported", call["id"]),
        ("transcript.read", call["id"]),
    ]


async def test_an_erasure_goes_on_where_it_was_cut_off(client: Client, memory: MemoryService) -> None:
    """Death after a call is gone and before the receipt says so: the line is there, and is told right afterwards."""
    calls = [await recorded(client, memory, caller="+7900") for _ in range(2)]
    where = (await client.post("/erasures", json={"number": "+7900"})).headers["Location"]
    erase = await memory.made.get(EraseNumber)
    note, told = erase.erasures.note, []

    async def dying(erasure_id: ErasureId, line: Any) -> None:
        if line.outcome is ErasureOutcome.ERASED and not told:
            told.append(line)
            raise KeyboardInterrupt
        await note(erasure_id, line)

    erase.erasures.note = dying  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        await erase()
    with pytest.raises(CallNotFound):
        await memory.calls.get(told[0].call_id)
    assert (await client.get(where)).json()["planned"] == 1

    await erase()

    receipt = (await client.get(where)).json()
    assert {line["call_id"] for line in receipt["calls"]} == {call["id"] for call in calls}
    assert (receipt["erased"], receipt["planned"]) == (2, 0)
    assert {CallId(UUID(call["id"])) for call in calls} & set(memory.database.calls) == set()


@pytest.mark.parametrize("number", ["", "-", "7", "+7\u0000900"])
async def test_a_number_is_needed(client: Client, number: str) -> None:
    """Two characters that count at least: nobody erases half the database by a typing error."""
    answer = await client.post("/erasures", json={"number": number})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/number")
