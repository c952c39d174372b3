"""Resumable uploads over HTTP: what tus 1.0.0 asks for, request by request."""

import base64
import hashlib
from datetime import timedelta
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from tests.http.made_up import sha256
from tests.http.memory_service import MAX_UPLOAD_BYTES, MemoryService
from tests.http.test_calls import CALL, register

pytestmark = pytest.mark.anyio

Client = AsyncTestClient[Litestar]
AUDIO = b"RIFF" * 1000
TUS = {"Tus-Resumable": "1.0.0"}
CHUNK = TUS | {"Content-Type": "application/offset+octet-stream"}


def told(**metadata: str) -> str:
    return ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in metadata.items())


async def begun(client: Client, length: int = len(AUDIO), **metadata: str) -> str:
    known = {"filename": "a.wav", **(metadata or CALL)}
    answer = await client.post(
        "/uploads", headers=TUS | {"Upload-Length": str(length), "Upload-Metadata": told(**known)}
    )
    assert answer.status_code == 201, answer.text
    return str(answer.headers["location"])


async def sent(client: Client, path: str, offset: int, body: bytes, **headers: str) -> Any:
    return await client.patch(path, headers=CHUNK | {"Upload-Offset": str(offset)} | headers, content=body)


async def offset_of(client: Client, path: str) -> int:
    return int((await client.head(path, headers=TUS)).headers["upload-offset"])


@pytest.mark.parametrize("sizes", [[4000], [1, 3999], [1000, 1000, 1000, 1000]])
async def test_the_finished_upload_is_a_recording(client: Client, memory: MemoryService, sizes: list[int]) -> None:
    """In one part or in many, for a call that is there or for a new one: the same bytes are accepted, once."""
    call = await register(client)
    for metadata in ({"call_id": call["id"]}, {**CALL, "tags": "a,b"}):
        path, offset = await begun(client, **metadata), 0
        for size in sizes:
            answer = await sent(client, path, offset, AUDIO[offset : offset + size])
            offset += size
            assert (answer.status_code, answer.headers["upload-offset"]) == (204, str(offset))
            assert answer.headers["tus-resumable"] == "1.0.0"
        recording = (await client.get(answer.headers["content-location"])).json()
        assert recording["sha256"] == sha256(AUDIO)
        status = await client.head(path, headers=TUS)
        assert (status.headers["upload-offset"], status.headers["upload-length"]) == ("4000", "4000")
        assert status.headers["cache-control"] == "no-store"
    assert len(memory.database.recordings) == 2
    assert len(memory.wake_ups.sent) == 2
    keys = {recording.storage_key for recording in memory.database.recordings.values()}
    assert all(hold.doomed for hold in memory.database.holds.values())
    assert not keys & set(memory.database.holds)


async def test_the_first_bytes_may_come_with_the_creation(client: Client) -> None:
    """Creation-with-upload: the answer tells how many of them are durable."""
    headers = CHUNK | {"Upload-Length": "4000", "Upload-Metadata": told(filename="a.wav", filetype="audio/wav", **CALL)}
    answer = await client.post("/uploads", headers=headers, content=AUDIO[:10])
    assert (answer.status_code, answer.headers["upload-offset"]) == (201, "10")
    assert (await sent(client, answer.headers["location"], 10, AUDIO[10:])).status_code == 204


async def test_options_tell_what_is_spoken(client: Client) -> None:
    """Versions, extensions, algorithms and the size limit, without a version in the request."""
    for path in ("/uploads", "/uploads/01a202b8-813a-71c9-b2c0-3dc8bb13df66"):
        answer = await client.options(path)
        assert answer.status_code == 204
        assert answer.headers["tus-version"] == "1.0.0"
        assert answer.headers["tus-extension"] == "creation,creation-with-upload,checksum,expiration,termination"
        assert answer.headers["tus-max-size"] == str(MAX_UPLOAD_BYTES)
        assert answer.headers["tus-checksum-algorithm"] == "sha1,sha256"


async def test_other_versions_are_refused(client: Client) -> None:
    """412 with the version that is spoken, whatever the method."""
    path = await begun(client)
    for method, where in (("POST", "/uploads"), ("HEAD", path), ("PATCH", path), ("DELETE", path)):
        for headers in ({}, {"Tus-Resumable": "0.2.2"}):
            answer = await client.request(method, where, headers=headers)
            assert (answer.status_code, answer.headers["tus-version"]) == (412, "1.0.0")


async def test_bytes_must_go_on_where_they_ended(client: Client) -> None:
    """409 for any other offset, and nothing is changed; too many bytes are 413, another media type 415."""
    path = await begun(client)
    await sent(client, path, 0, AUDIO[:100])
    for offset in (0, 99, 101, 4000):
        answer = await sent(client, path, offset, b"x")
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:calls:problem:upload-conflict")
    assert (await sent(client, path, 100, AUDIO)).status_code == 413
    assert (await client.patch(path, headers=TUS | {"Upload-Offset": "100"}, content=b"x")).status_code == 415
    assert (await client.patch(path, headers=CHUNK, content=b"x")).status_code == 422
    assert await offset_of(client, path) == 100
    assert (await sent(client, path, 100, AUDIO[100:])).status_code == 204
    assert (await sent(client, path, 4000, b"")).status_code == 409


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
async def test_bytes_that_changed_on_the_way_are_dropped(client: Client, algorithm: str) -> None:
    """460, and the offset stays; with the right checksum they count."""
    path = await begun(client)
    right = f"{algorithm} {base64.b64encode(hashlib.new(algorithm, AUDIO).digest()).decode()}"
    wrong = await sent(client, path, 0, AUDIO[:-1] + b"!", **{"Upload-Checksum": right})
    assert (wrong.status_code, wrong.json()["type"]) == (460, "urn:calls:problem:checksum-mismatch")
    assert await offset_of(client, path) == 0
    assert (await sent(client, path, 0, AUDIO, **{"Upload-Checksum": right})).status_code == 204


@pytest.mark.parametrize("checksum", ["crc32 AAAA", "sha256", "sha256 AAAA", "sha256 *", "", "sha512 " + "A" * 88])
async def test_an_unknown_checksum_is_refused(client: Client, checksum: str) -> None:
    """400 before a byte is kept."""
    path = await begun(client)
    assert (await sent(client, path, 0, AUDIO, **{"Upload-Checksum": checksum})).status_code == 400
    assert await offset_of(client, path) == 0


async def test_an_ended_upload_is_gone(client: Client, memory: MemoryService) -> None:
    """DELETE leaves its bytes to the sweep; nobody finds it any more. One that expired is 410."""
    path = await begun(client)
    await sent(client, path, 0, AUDIO[:10])
    assert (await client.delete(path, headers=TUS)).status_code == 204
    assert [hold.doomed for hold in memory.database.holds.values()] == [True]
    for method in ("HEAD", "PATCH", "DELETE"):
        answer = await client.request(method, path, headers=CHUNK | {"Upload-Offset": "10"})
        assert (answer.status_code, "upload-offset" in answer.headers) == (404, False)
    path = await begun(client)
    memory.now += timedelta(hours=24)
    answer = await sent(client, path, 0, AUDIO)
    assert (answer.status_code, answer.json()["type"]) == (410, "urn:calls:problem:upload-expired")


@pytest.mark.parametrize(
    ("length", "metadata", "status", "code"),
    [
        ("0", told(filename="a.wav", **CALL), 422, "empty-recording"),
        ("-1", told(filename="a.wav", **CALL), 422, "invalid"),
        ("x", told(filename="a.wav", **CALL), 422, "invalid"),
        (None, told(filename="a.wav", **CALL), 422, "invalid"),
        (str(MAX_UPLOAD_BYTES + 1), told(filename="a.wav", **CALL), 413, "too-large"),
        ("9" * 30, told(filename="a.wav", **CALL), 422, "invalid"),
        ("9", told(filename="a.exe", **CALL), 422, "unsupported-extension"),
        ("9", told(**CALL), 422, "invalid"),
        ("9", told(filename="a.wav"), 422, "invalid"),
        ("9", told(filename="a.wav", **{**CALL, "caller": ""}), 422, "invalid-call"),
        ("9", told(filename="a.wav", colour="red", **CALL), 422, "invalid"),
        ("9", told(filename="a.wav", call_id="7"), 422, "invalid"),
        ("9", told(filename="a.wav", call_id="01a202b8-813a-71c9-b2c0-3dc8bb13df66"), 404, "call-not-found"),
        ("9", told(filename="a.wav", call_id="01a202b8-813a-71c9-b2c0-3dc8bb13df66", **CALL), 422, "invalid"),
        ("9", "filename a.wav", 422, "invalid"),
        ("9", "filename YS53YXY=,filename YS53YXY=", 422, "invalid"),
        ("9", "filename /w==", 422, "invalid"),
        ("9", None, 422, "invalid"),
    ],
)
async def test_what_cannot_become_a_recording_is_refused_at_once(
    client: Client, memory: MemoryService, length: str | None, metadata: str | None, status: int, code: str
) -> None:
    """Before a byte is sent, with the code that the other ways of uploading have."""
    offered = {"Upload-Length": length, "Upload-Metadata": metadata}
    answer = await client.post("/uploads", headers=TUS | {k: v for k, v in offered.items() if v is not None})
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:calls:problem:{code}"), answer.text
    assert not memory.database.uploads


async def test_a_call_known_by_its_external_id_is_not_doubled(client: Client, memory: MemoryService) -> None:
    """Two uploads for one external_id end at the same call; the second one's bytes are dropped."""
    ends = []
    for _ in range(2):
        path = await begun(client, **CALL, external_id="x")
        await sent(client, path, 0, AUDIO[:10])
        ends.append((await sent(client, path, 10, AUDIO[10:])).headers["content-location"])
    assert ends[0] == ends[1]
    assert len(memory.database.calls) == len(memory.database.recordings) == 1


async def test_a_refusal_at_the_end_leaves_the_upload_as_it_was(client: Client) -> None:
    """Somebody else attached a recording meanwhile: 409, and the upload can only be ended."""
    call = await register(client)
    path = await begun(client, call_id=call["id"])
    await sent(client, path, 0, AUDIO[:10])
    await client.post(f"/calls/{call['id']}/recording", files={"file": ("b.wav", b"b")})
    answer = await sent(client, path, 10, AUDIO[10:])
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:calls:problem:recording-exists")
    assert await offset_of(client, path) == 10
    assert (await client.delete(path, headers=TUS)).status_code == 204
