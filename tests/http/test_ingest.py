"""A call and its recording in one request."""

import hashlib
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from tests.http.memory_service import MemoryService
from tests.http.test_calls import CALL, register

pytestmark = pytest.mark.anyio

Client = AsyncTestClient[Litestar]
AUDIO = b"RIFF" * 5000

Part = tuple[str, str | None, bytes]
"""Name, file name, content."""


def form(*parts: Part, boundary: str = "limit", end: bytes = b"--\r\n") -> tuple[bytes, dict[str, str]]:
    """Return a multipart body, byte by byte as wanted, and its headers."""
    body = b""
    for name, filename, content in parts:
        file = f'; filename="{filename}"' if filename is not None else ""
        body += (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode() + content + b"\r\n"
        )
    return body + f"--{boundary}".encode() + end, {"Content-Type": f"multipart/form-data; boundary={boundary}"}


def fields(**more: str) -> list[Part]:
    return [(name, None, text.encode()) for name, text in (CALL | more).items()]


FILE: Part = ("file", "a.wav", AUDIO)


async def ingest(client: Client, *parts: Part, **options: Any) -> Any:
    body, headers = form(*parts, **options)
    return await client.post("/calls/ingest", content=body, headers=headers)


@pytest.mark.parametrize("place", [0, 1, 3])
async def test_fields_may_stand_in_any_order(client: Client, memory: MemoryService, place: int) -> None:
    """The file may come first, last or between: 202, and the call is processing with its bytes durable."""
    parts = fields()
    parts.insert(place, FILE)
    answer = await ingest(client, *parts)
    call = answer.json()
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/calls/{call['id']}"
    assert (call["caller"], call["status"]) == ("+7900", "processing")
    assert (await client.get(f"/calls/{call['id']}/recording/audio")).content == AUDIO
    assert len(memory.wake_ups.sent) == 1


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["a"], ["a"]),
        (["a", "b"], ["a", "b"]),
        (["a, b,,a"], ["a", "b"]),
        (['["a,b", "c"]'], ["a,b", "c"]),
        (['["x"]', "y,z"], ["x", "y", "z"]),
        ([""], []),
        (["[]"], []),
    ],
)
async def test_tags_are_repeated_listed_or_json(client: Client, values: list[str], expected: list[str]) -> None:
    """A field per tag, several separated by commas, or a JSON array, which may hold commas."""
    answer = await ingest(client, *fields(), *[("tags", None, value.encode()) for value in values], FILE)
    assert answer.json()["tags"] == expected


async def test_the_other_fields(client: Client) -> None:
    """Metadata is a JSON object as text; fields left empty by a page's form are absent."""
    answer = await ingest(
        client, FILE, *fields(direction="outbound", metadata='{"a": [1, "bя"]}', agent="", external_id="")
    )
    call = answer.json()
    assert (call["direction"], call["metadata"], call["agent"], call["external_id"]) == (
        "outbound",
        {"a": [1, "bя"]},
        None,
        None,
    )


async def test_the_same_call_again_is_not_stored_twice(client: Client, memory: MemoryService) -> None:
    """The same external_id and content give 200 and the first call; other content 409; no bytes are left over."""
    first = await ingest(client, *fields(external_id="x"), FILE)
    again = await ingest(client, FILE, *fields(external_id="x"))
    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])
    other = await ingest(client, *fields(external_id="x", receiver="102"), FILE)
    assert (other.status_code, other.json()["type"]) == (409, "urn:calls:problem:external-id-taken")
    assert not memory.database.holds
    assert len(memory.database.calls) == 1


@pytest.mark.parametrize(
    ("parts", "pointer"),
    [
        ([*fields()], "/file"),
        ([FILE], "/caller"),
        ([FILE, *fields()[1:]], "/caller"),
        ([*fields(started_at="yesterday"), FILE], "/started_at"),
        ([*fields(started_at="2026-01-01T00:00:00"), FILE], "/started_at"),
        ([*fields(caller=""), FILE], "/caller"),
        ([*fields(caller="x" * 65), FILE], "/caller"),
        ([*fields(direction="up"), FILE], "/direction"),
        ([*fields(metadata="{"), FILE], "/metadata"),
        ([*fields(metadata="[1]"), FILE], "/metadata"),
        ([*fields(metadata="[" * 60000), FILE], "/metadata"),
        ([*fields(metadata='{"a": "\\u0000"}'), FILE], "/metadata"),
        ([*fields(tags="[1]"), FILE], "/tags/0"),
        ([*fields(tags="[1"), FILE], "/tags"),
        ([*fields(), ("caller", None, b"twice"), FILE], "/caller"),
        ([*fields(colour="red"), FILE], "/colour"),
        ([*fields(), ("", None, b"nameless"), FILE], "/"),
        ([*fields(), FILE, FILE], "/file"),
        ([*fields(), ("file", None, AUDIO)], "/file"),
        ([*fields(), ("audio", "a.wav", AUDIO)], "/audio"),
    ],
)
async def test_a_wrong_form_is_named(client: Client, memory: MemoryService, parts: list[Part], pointer: str) -> None:
    """422 points at the field, and nothing is kept: no call, no bytes."""
    answer = await ingest(client, *parts)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert not memory.database.calls
    assert not memory.database.holds


@pytest.mark.parametrize(
    "end",
    [b"", b"-", b"\r\n", b"\r\nContent-Disposition: form-data", b"xx"],
    ids=["bare", "dash", "open", "header", "text"],
)
async def test_a_cut_form_is_never_stored(client: Client, memory: MemoryService, end: bytes) -> None:
    """Without its closing boundary, the form is 400 malformed-body, although the file in it looks whole."""
    for parts in ([*fields(), FILE], [FILE, *fields()]):
        answer = await ingest(client, *parts, end=end)
        assert (answer.status_code, answer.json()["type"]) == (400, "urn:calls:problem:malformed-body"), answer.text
    assert not memory.database.calls
    assert not memory.database.holds


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("multipart/form-data", b"", 400),
        ("multipart/form-data; boundary=", b"", 400),
        ("multipart/form-data; boundary=b", b"", 400),
        ("multipart/form-data; boundary=b", b"--b--", 422),
        ("multipart/form-data; boundary=b", b"garbage" * 20000, 400),
        ("multipart/form-data; boundary=b", b"--b\n", 400),
        ("multipart/form-data; boundary=b", b"--b\r\n\r\n\r\n--b--", 400),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: attachment\r\n\r\n\r\n--b--", 400),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="\xff"\r\n\r\n\r\n--b--',
            400,
        ),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="agent"\r\n\r\n\xff\r\n--b--',
            400,
        ),
        ("multipart/form-data; boundary=" + "b" * 5000, b"", 400),
        ("multipart/mixed; boundary=b", b"--b--", 415),
        ("application/x-www-form-urlencoded", b"caller=1", 415),
        ("text/plain", b"{}", 415),
        ("", b"{}", 415),
        (";", b"{}", 415),
        ("application/json", b"{}", 422),
        ("application/json", b"", 400),
        ("application/json", b"{", 400),
    ],
)
async def test_other_bodies_are_refused(client: Client, content_type: str, body: bytes, status: int) -> None:
    """What is no form and no JSON is refused by what it is."""
    answer = await client.post("/calls/ingest", content=body, headers={"Content-Type": content_type})
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        ([("agent", None, b"x" * 65536)], 422),
        ([("agent", None, b"x" * 65537)], 413),
        ([("tags", None, b"t")] * 28, 202),
        ([("tags", None, b"t")] * 29, 413),
        ([("tags" + "x" * 20000, None, b"t")], 413),
    ],
)
async def test_forms_are_bounded(client: Client, memory: MemoryService, parts: list[Part], status: int) -> None:
    """A field has at most 64 kB, a form at most 32 parts, and a part's header at most 16 kB."""
    answer = await ingest(client, *fields(), *parts, FILE)
    assert answer.status_code == status, answer.text
    assert len(memory.database.calls) == (1 if status == 202 else 0)


async def test_a_line_end_after_the_form_does_no_harm(client: Client) -> None:
    """Text before the first boundary and after the last one is dropped, as RFC 2046 has it."""
    body, headers = form(*fields(), FILE)
    answer = await client.post("/calls/ingest", content=b"preamble\r\n" + body + b"\r\nepilogue", headers=headers)
    assert answer.status_code == 202, answer.text


async def test_a_recording_is_pulled(client: Client, memory: MemoryService) -> None:
    """202 with the processing call; the file is named after the last part of the URL's path."""
    url = "https://pbx.example/archive/%D0%B7%D0%B0%D0%BF%D0%B8%D1%81%D1%8C%201.wav?token=x.exe"
    answer = await client.post("/calls/ingest", json=CALL | {"recording_url": url, "tags": ["a"]})
    assert (answer.status_code, answer.json()["status"], answer.json()["tags"]) == (202, "processing", ["a"])
    (job,) = memory.database.jobs.values()
    assert job.job.source is not None
    assert (job.job.source.url, job.job.source.filename) == (url, "запись 1.wav")
    named = await client.post("/calls/ingest", json=CALL | {"recording_url": "http://[::1]:8080/", "filename": "b.mp3"})
    assert named.status_code == 202


@pytest.mark.parametrize(
    ("url", "pointer"),
    [
        ("ftp://pbx.example/a.wav", "/recording_url"),
        ("file:///etc/a.wav", "/recording_url"),
        ("/a.wav", "/recording_url"),
        ("", "/recording_url"),
        ("http://", "/recording_url"),
        ("http://[::1/a.wav", "/recording_url"),
        ("http://host:99999/a.wav", "/recording_url"),
        ("http://host/a b.wav", "/recording_url"),
        ("http://host/\r\n.wav", "/recording_url"),
        ("http://хост/a.wav", "/recording_url"),
        ("http://host/" + "a" * 2048 + ".wav", "/recording_url"),
        (None, "/recording_url"),
        (7, "/recording_url"),
    ],
)
async def test_what_is_no_web_address_is_refused(client: Client, url: Any, pointer: str) -> None:
    """422 points at recording_url."""
    answer = await client.post("/calls/ingest", json=CALL | {"recording_url": url})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


async def test_a_pulled_file_needs_an_accepted_name_too(client: Client) -> None:
    """422 unsupported-extension before anything is stored."""
    answer = await client.post("/calls/ingest", json=CALL | {"recording_url": "https://pbx.example/listen?id=7"})
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:calls:problem:unsupported-extension")


async def test_registering_and_attaching_is_the_same(client: Client) -> None:
    """The recording of an ingested call is told exactly as that of one sent in two requests."""
    ingested = (await ingest(client, *fields(), FILE)).json()
    call = await register(client)
    await client.post(f"/calls/{call['id']}/recording", files={"file": ("a.wav", AUDIO)})
    answers = [(await client.get(f"/calls/{key}/recording")).json() for key in (ingested["id"], call["id"])]
    for answer in answers:
        del answer["id"], answer["call_id"]
    assert answers[0] == answers[1]


async def test_a_check_tells_what_the_ingest_would_do(client: Client, memory: MemoryService) -> None:
    """New, waiting for its file, known, or refused as the ingest refuses it; nothing is stored."""
    file = {"filename": "a.wav", "size_bytes": len(AUDIO), "sha256": hashlib.sha256(AUDIO).hexdigest()}
    promised = CALL | {"external_id": "x"} | file

    async def told(**changed: Any) -> Any:
        answer = await client.post("/calls/ingest/check", json=promised | changed)
        return answer.json() if answer.is_success else (answer.status_code, answer.json()["type"].rpartition(":")[2])

    assert await told() == {"is_new": True, "call_id": None}
    waiting = await register(client, external_id="x")
    assert await told() == {"is_new": True, "call_id": waiting["id"]}
    await ingest(client, *fields(external_id="x"), FILE)
    stored = len(memory.database.events)
    assert await told() == {"is_new": False, "call_id": waiting["id"]}
    assert await told(sha256="0" * 64) == (409, "external-id-taken")
    assert await told(receiver="102") == (409, "external-id-taken")
    assert await told(filename="a.doc") == (422, "unsupported-extension")
    assert await told(size_bytes=0) == (422, "empty-recording")
    assert await told(size_bytes=3 * 1024**3) == (413, "too-large")
    pulled = await client.post(
        "/calls/ingest", json=CALL | {"recording_url": "https://a.example/a.wav", "external_id": "y"}
    )
    assert pulled.status_code == 202
    assert await told(external_id="y") == (409, "still-processing")
    await client.put("/intake", json={"accepting": False})
    assert await told() == (503, "intake-paused")
    assert len(memory.database.events) == stored + 1
    assert not memory.database.holds
