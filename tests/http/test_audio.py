"""Listening: ranges, conditions and headers."""

import base64
import hashlib
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from tests.http.memory_service import MemoryService
from tests.http.test_calls import register

pytestmark = pytest.mark.anyio

Client = AsyncTestClient[Litestar]
AUDIO = bytes(range(256)) * 1000
SIZE = len(AUDIO)
ETAG = f'"{hashlib.sha256(AUDIO).hexdigest()}"'


@pytest.fixture
async def path(client: Client) -> str:
    call = await register(client)
    await client.post(f"/calls/{call['id']}/recording", files={"file": ('Анна "1" 100%.wav', AUDIO)})
    return f"/calls/{call['id']}/recording/audio"


async def test_the_whole_recording(client: Client, path: str) -> None:
    """200 with the bytes as they were uploaded and everything that a careful client checks."""
    answer = await client.get(path)
    assert (answer.status_code, answer.content) == (200, AUDIO)
    expected = {
        "content-type": "audio/wav",
        "content-length": str(SIZE),
        "etag": ETAG,
        "repr-digest": f"sha-256=:{base64.b64encode(hashlib.sha256(AUDIO).digest()).decode()}:",
        "accept-ranges": "bytes",
        "cache-control": "private, no-cache",
        "x-content-type-options": "nosniff",
        "content-disposition": 'attachment; filename="____ _1_ 100_.wav"; '
        "filename*=UTF-8''%D0%90%D0%BD%D0%BD%D0%B0%20%221%22%20100%25.wav",
    }
    assert {name: answer.headers[name] for name in expected} == expected


async def test_head_tells_the_same_without_the_bytes(client: Client, path: str) -> None:
    """HEAD has the headers of GET, ignores ranges, and honours If-None-Match."""
    whole, head = await client.get(path), await client.head(path, headers={"Range": "bytes=0-1"})
    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-type", "content-length", "etag", "repr-digest", "accept-ranges", "content-disposition"):
        assert head.headers[name] == whole.headers[name]
    assert (await client.head(path, headers={"If-None-Match": ETAG})).status_code == 304


@pytest.mark.parametrize(
    ("wanted", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-3", 0, 4),
        ("bytes=100-", 100, SIZE),
        (f"bytes={SIZE - 1}-", SIZE - 1, SIZE),
        ("bytes=-1", SIZE - 1, SIZE),
        ("bytes=-500", SIZE - 500, SIZE),
        ("bytes=-99999999999999999999", 0, SIZE),
        ("bytes=10-99999999999999999999", 10, SIZE),
        (f"bytes=0-{SIZE}", 0, SIZE),
        ("Bytes = 5-6", 5, 7),
        ("bytes=70000-140000", 70000, 140001),
    ],
)
async def test_one_range(client: Client, path: str, wanted: str, start: int, end: int) -> None:
    """206 with exactly those bytes, cut to the recording's end."""
    answer = await client.get(path, headers={"Range": wanted})
    assert (answer.status_code, answer.content) == (206, AUDIO[start:end])
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{SIZE}"
    assert answer.headers["content-length"] == str(end - start)
    assert answer.headers["etag"] == ETAG


@pytest.mark.parametrize(
    "wanted",
    [
        "bytes=0-1,5-6",
        "bytes=5-1",
        "bytes=-",
        "bytes=",
        "bytes",
        "bytes=a-b",
        "bytes=0x1-2",
        "bytes=--5",
        "bytes=1-2-3",
        "items=0-1",
        "bytes=" + "9" * 5000 + "-",
        "bytes=٣-٤",
    ],
)
async def test_what_is_not_one_range_is_answered_with_the_whole(client: Client, path: str, wanted: str) -> None:
    """Several ranges, other units and nonsense: 200, as the RFC allows."""
    answer = await client.get(path, headers={"Range": wanted.encode()})
    assert (answer.status_code, len(answer.content)) == (200, SIZE)


@pytest.mark.parametrize(
    "wanted", [f"bytes={SIZE}-", f"bytes={SIZE + 5}-{SIZE + 6}", "bytes=-0", "bytes=99999999999999999999-"]
)
async def test_a_range_behind_the_end(client: Client, path: str, wanted: str) -> None:
    """416 as a problem, with the size in Content-Range."""
    answer = await client.get(path, headers={"Range": wanted})
    assert (answer.status_code, answer.json()["type"]) == (416, "urn:calls:problem:range-not-satisfiable")
    assert answer.headers["content-range"] == f"bytes */{SIZE}"


@pytest.mark.parametrize(
    ("tag", "status"), [(ETAG, 206), ('"other"', 200), (f"W/{ETAG}", 200), ("Sun, 22 Nov 2026 09:30:00 GMT", 200)]
)
async def test_if_range(client: Client, path: str, tag: str, status: int) -> None:
    """The range counts only for the bytes that the strong tag names; else the whole is sent."""
    assert (await client.get(path, headers={"Range": "bytes=0-1", "If-Range": tag})).status_code == status


@pytest.mark.parametrize(
    ("tags", "status"),
    [
        (ETAG, 304),
        (f"W/{ETAG}", 304),
        (f'"a", {ETAG}', 304),
        ("*", 304),
        ('"other"', 200),
        (ETAG[1:-1], 200),
        ("", 200),
    ],
)
async def test_if_none_match(client: Client, path: str, tags: str, status: int) -> None:
    """Who has the bytes is told so with 304 and no body, even when a range is asked for."""
    answer = await client.get(
        path, headers={"If-None-Match": tags, "Range": "bytes=0-"} if status == 304 else {"If-None-Match": tags}
    )
    assert answer.status_code == status
    if status == 304:
        assert (answer.content, answer.headers["etag"]) == (b"", ETAG)


async def test_a_lost_file_is_not_found(client: Client, path: str, memory: MemoryService) -> None:
    """If the storage has nothing under the recording's key, the answer is a problem and not half a response."""
    (recording,) = memory.database.recordings.values()
    await memory.storage.delete(recording.storage_key)
    answer = await client.get(path)
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:calls:problem:recording-not-found")


HOSTILE: list[tuple[str, str]] = [
    ("../../etc/passwd.wav", "passwd.wav"),
    ("..\\..\\boot.wav", "boot.wav"),
    ("C:\\calls\\a.wav", "a.wav"),
    ("a\x00b.wav", "ab.wav"),
    ("a\r\nSet-Cookie: x=1.wav", "aSet-Cookie: x=1.wav"),
    ("\u202egnp.wav", "gnp.wav"),
    ("😀.wav", "😀.wav"),
    ('a";b=c.wav', 'a";b=c.wav'),
    ("я" * 300 + ".wav", "я" * 251 + ".wav"),
    ("x" * 4096 + ".wav", "x" * 251 + ".wav"),
    ("\x1b[31mred.wav", "[31mred.wav"),
    ("con.wav", "con.wav"),
    (" a.wav ", "a.wav"),
]


@pytest.mark.parametrize(("sent", "kept"), HOSTILE)
async def test_hostile_names_are_only_text(client: Client, sent: str, kept: str) -> None:
    """A name is cleaned, told as JSON, and goes into the header so that it cannot end it."""
    call = await register(client)
    answer = await client.put(f"/calls/{call['id']}/recording", params={"filename": sent}, content=b"RIFF")
    assert (answer.status_code, answer.json()["filename"]) == (202, kept), answer.text
    audio = await client.get(f"/calls/{call['id']}/recording/audio")
    disposition = audio.headers["content-disposition"]
    assert disposition.isascii()
    assert disposition.isprintable()
    assert disposition.count('"') == 2
    assert "set-cookie" not in audio.headers


async def test_percent_encoded_surrogates_do_no_harm(client: Client) -> None:
    """Bytes that are no UTF-8 in a query become replacement characters."""
    call = await register(client)
    answer = await client.put(f"/calls/{call['id']}/recording?filename=%ED%A0%80%FF.wav", content=b"RIFF")
    assert answer.status_code == 202
    answer = await client.get(f"/calls/{call['id']}/recording/audio")
    assert answer.headers["content-disposition"].isascii()


async def test_every_accepted_extension_has_its_media_type(client: Client) -> None:
    """The answer's type is by extension and never HTML or anything that runs."""
    found: dict[str, Any] = {}
    for extension in ("wav", "MP3", "opus", "m4a", "webm", "amr", "ul", "wma"):
        call = await register(client)
        await client.put(f"/calls/{call['id']}/recording?filename=a.{extension}", content=b"<html>")
        found[extension] = (await client.get(f"/calls/{call['id']}/recording/audio")).headers["content-type"]
    assert all(media_type.startswith("audio/") for media_type in found.values())
