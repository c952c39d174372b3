"""Ordering archives of calls, and fetching them."""

import csv
import io
import json
import zipfile
from typing import Any
from uuid import UUID

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from calls_core.accounts import Role, Scope
from calls_core.audit import AuditFilter
from calls_core.hearing import Hears
from calls_core.ports import AuditLog
from calls_core.recording import CallId
from calls_core.use_cases.build_export import BuildExport
from calls_core.use_cases.erase_call import EraseCall
from calls_core.use_cases.order_export import ExportRules
from tests.http.memory_service import MemoryService
from tests.http.test_calls import register

pytestmark = pytest.mark.anyio

Client = AsyncTestClient[Litestar]
AUDIO = b"RIFF" + bytes(range(256)) * 1000


async def recorded(client: Client, memory: MemoryService, **details: Any) -> dict[str, Any]:
    call: dict[str, Any] = await register(client, **details)
    await client.post(f"/calls/{call['id']}/recording", files={"file": ("../../Запись.WAV", AUDIO)})
    await memory.finish(call["id"])
    return call


async def built(memory: MemoryService) -> None:
    build = await memory.made.get(BuildExport)
    while await build("test"):
        pass


async def archive(client: Client, memory: MemoryService, **order: Any) -> zipfile.ZipFile:
    ordered = await client.post("/exports", json=order)
    assert ordered.status_code == 202, ordered.text
    await built(memory)
    answer = await client.get(f"{ordered.headers['Location']}/download")
    assert answer.status_code == 200, answer.text
    return zipfile.ZipFile(io.BytesIO(answer.content))


def manifest(found: zipfile.ZipFile) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(found.read("manifest.csv").decode(), newline="")))


async def test_an_archive_holds_what_was_ordered(client: Client, memory: MemoryService) -> None:
    """Audio to the byte, the words, and everything known; the manifest tells which file is whose, and what is missing.
    Names are made by us: nothing of a client's path or of a formula is in them."""
    call = await recorded(
        client, memory, caller="../../+7 900 <b>", receiver="=cmd|1", started_at="1901-01-01T00:00:00Z"
    )
    bare = await register(client)
    found = await archive(client, memory)
    assert found.testzip() is None
    stem = f"1901-01-01_00-00-00_+7-900-b_cmd-1_{call['id']}"
    assert sorted(found.namelist()) == sorted(
        [f"audio/{stem}.wav", f"transcripts/{stem}.txt", "manifest.csv", "calls.jsonl"]
    )
    assert found.read(f"audio/{stem}.wav") == AUDIO
    assert found.read(f"transcripts/{stem}.txt") == b"Hello & welcome\nhow <are> you\n"
    rows = {row["id"]: row for row in manifest(found)}
    assert (rows[call["id"]]["audio"], rows[call["id"]]["transcript"]) == (
        f"audio/{stem}.wav",
        f"transcripts/{stem}.txt",
    )
    assert (rows[call["id"]]["receiver"], rows[bare["id"]]["note"]) == ("'=cmd|1", "no recording")
    lines = {line["call"]["id"]: line for line in map(json.loads, found.read("calls.jsonl").splitlines())}
    assert lines[call["id"]]["recording"]["transcription"].startswith("Hello")
    assert lines[bare["id"]]["recording"] is None


async def test_only_what_was_asked_for_is_in_it(client: Client, memory: MemoryService) -> None:
    """Metadata alone do not tell what was said; a filter or a list of calls chooses among them."""
    first = await recorded(client, memory, agent="Анна")
    second = await recorded(client, memory)
    found = await archive(client, memory, filter={"agent": "Анна"}, contents=["metadata"])
    assert sorted(found.namelist()) == ["calls.jsonl", "manifest.csv"]
    assert [row["id"] for row in manifest(found)] == [first["id"]]
    assert b"Hello" not in found.read("calls.jsonl")
    found = await archive(client, memory, call_ids=[second["id"], second["id"], first["id"]], contents=["audio"])
    assert [row["id"] for row in manifest(found)] == [second["id"], first["id"]]


async def test_an_export_tells_how_far_it_is(client: Client, memory: MemoryService) -> None:
    """Until it is done there is nothing to download; then in ranges, too; and when it is removed, nothing stays."""
    await recorded(client, memory)
    where = (await client.post("/exports", json={})).headers["Location"]
    assert (await client.get(where)).json()["state"] == "queued"
    early = await client.get(f"{where}/download")
    assert (early.status_code, early.json()["type"]) == (409, "urn:calls:problem:export-not-ready")
    await built(memory)
    done = (await client.get(where)).json()
    assert (done["state"], done["calls_done"], done["calls_total"]) == ("done", 1, 1)
    assert done["download"] == f"{where}/download"
    part = await client.get(done["download"], headers={"Range": "bytes=0-3"})
    assert (part.status_code, part.content) == (206, b"PK\x03\x04")
    assert part.headers["Content-Range"] == f"bytes 0-3/{done['size_bytes']}"
    assert (await client.head(done["download"])).headers["ETag"] == f'"{done["sha256"]}"'
    assert [one["id"] for one in (await client.get("/exports")).json()["items"]] == [done["id"]]
    assert (await client.delete(where)).status_code == 204
    assert [(await client.get(path)).status_code for path in (where, done["download"])] == [404, 404]
    assert [hold.doomed for hold in memory.database.holds.values()] == [True]


async def test_what_was_erased_meanwhile_is_left_out(client: Client, memory: MemoryService) -> None:
    """An order for a call that is gone, or that goes while the archive is made, does not fail."""
    gone, stays = await recorded(client, memory), await recorded(client, memory)
    ordered = await client.post("/exports", json={"call_ids": [gone["id"], stays["id"]]})
    await (await memory.made.get(EraseCall))(CallId(UUID(gone["id"])))
    await built(memory)
    answer = await client.get(f"{ordered.headers['Location']}/download")
    assert [row["id"] for row in manifest(zipfile.ZipFile(io.BytesIO(answer.content)))] == [stays["id"]]


async def test_what_is_erased_later_takes_the_archive_with_it(client: Client, memory: MemoryService) -> None:
    """It can be downloaded no longer, and tells why."""
    call = await recorded(client, memory)
    where = (await client.post("/exports", json={})).headers["Location"]
    await built(memory)
    assert (await client.delete(f"/calls/{call['id']}")).status_code == 204
    told = (await client.get(where)).json()
    assert (told["state"], told["failure"]["code"], told["download"]) == ("failed", "export-voided", None)
    assert (await client.get(f"{where}/download")).status_code == 410


async def test_lost_audio_is_told_in_the_manifest(client: Client, memory: MemoryService) -> None:
    """One recording that the storage has lost does not cost the archive of all others."""
    await recorded(client, memory)
    for recording in memory.database.recordings.values():
        await memory.storage.delete(recording.storage_key)
    found = await archive(client, memory)
    [row] = manifest(found)
    assert (row["audio"], row["note"]) == ("", "the audio is not in the storage any more")


async def test_an_archive_that_would_be_too_large_fails() -> None:
    """With a reason that says what to do; it leaves no bytes that are not held by the sweep."""
    memory = MemoryService(export_rules=ExportRules(max_bytes=10_000))
    async with AsyncTestClient(memory.app(), raise_server_exceptions=False) as client:
        await recorded(client, memory)
        where = (await client.post("/exports", json={})).headers["Location"]
        await built(memory)
        failed = (await client.get(where)).json()
        assert (failed["state"], failed["failure"]["code"]) == ("failed", "export-too-large")
        assert (await client.get(f"{where}/download")).status_code == 409


async def test_who_may_not_hear_the_original_gets_what_is_redacted() -> None:
    """An API key orders an archive: without a redaction it has neither audio nor words, and says why; looking for words
    is refused at once."""
    memory = MemoryService(accounts=True, others_hear=Hears.REDACTED)
    async with AsyncTestClient(memory.app(), raise_server_exceptions=False) as client:
        secret = await memory.add_key(Scope.CALLS_READ, Scope.CALLS_WRITE)
        client.headers["Authorization"] = f"Bearer {secret}"
        await recorded(client, memory)
        found = await archive(client, memory)
        assert sorted(found.namelist()) == ["calls.jsonl", "manifest.csv"]
        assert [row["note"] for row in manifest(found)] == ["not redacted, or not yet"]
        assert b"Hello" not in found.read("calls.jsonl")
        refused = await client.post("/exports", json={"filter": {"text": "Hello"}})
        assert (refused.status_code, refused.json()["type"]) == (403, "urn:calls:problem:original-needed")


@pytest.mark.parametrize(
    ("order", "pointer"),
    [
        ({"filter": {"query": "-"}}, "/filter/query"),
        ({"filter": {"sort": 1}}, "/filter/sort"),
        ({"filter": {}, "call_ids": ["01a202b1-dfed-7119-844e-d8b9db04950a"]}, "/call_ids"),
        ({"contents": []}, "/contents"),
        ({"contents": ["video"]}, "/contents/0"),
    ],
)
async def test_what_cannot_be_ordered(client: Client, order: dict[str, Any], pointer: str) -> None:
    """The answer points at the field."""
    answer = await client.post("/exports", json=order)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


async def test_an_order_that_is_repeated_is_one_export(client: Client) -> None:
    """By its Idempotency-Key."""
    keyed = {"Idempotency-Key": "once"}
    first, again = [await client.post("/exports", json={}, headers=keyed) for _ in range(2)]
    assert (again.headers["Idempotency-Replayed"], again.json()["id"]) == ("true", first.json()["id"])
    assert again.headers["Location"] == first.headers["Location"]


async def test_an_export_belongs_to_who_ordered_it() -> None:
    """Others do not even learn that it is there, an admin sees it; the trail tells who ordered and who downloaded, once
    for all ranges; a link with a media token opens it."""
    memory = MemoryService(accounts=True)
    async with AsyncTestClient(memory.app(), raise_server_exceptions=False) as client:
        headers = {}
        for name, role in (("olga", Role.OPERATOR), ("oleg", Role.OPERATOR), ("root", Role.ADMIN)):
            await memory.add_user(name, role)
            signed_in = await client.post("/auth/login", json={"username": name, "password": "correct horse"})
            headers[name] = {"Authorization": f"Bearer {signed_in.json()['access_token']}"}
        headers["key"] = {"Authorization": f"Bearer {await memory.add_key(Scope.CALLS_READ)}"}
        where = (await client.post("/exports", json={}, headers=headers["olga"])).headers["Location"]
        await built(memory)
        seen = {name: (await client.get(where, headers=given)).status_code for name, given in headers.items()}
        assert seen == {"olga": 200, "oleg": 404, "root": 200, "key": 404}
        assert (await client.get("/exports", headers=headers["oleg"])).json()["items"] == []
        wanted = {"export_id": where.rpartition("/")[2]}
        token = (await client.post("/auth/media-token", json=wanted, headers=headers["olga"])).json()["token"]
        for part in ("bytes=0-1", "bytes=2-3"):
            answer = await client.get(f"{where}/download?token={token}", headers={"Range": part})
            assert answer.status_code == 206, answer.text
        assert (await client.get(f"{where}/download?token=x")).status_code == 401
        trail = await (await memory.made.get(AuditLog)).page(AuditFilter(), 50)
        told = [(entry.actor.name, entry.action) for entry in trail if "export" in entry.details]
        assert told == [("olga", "export.downloaded"), ("olga", "calls.exported")]
