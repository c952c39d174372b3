"""Uploading recordings as a form or as the bare body, and what is told of them."""

import base64
import hashlib
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from calls_core.findings import Facts, Segment, Transcript
from calls_core.formats import MEDIA_TYPES
from calls_core.ports import PresignedUrl
from calls_http.transcripts import srt, vtt
from tests.http.made_up import Named
from tests.http.memory_service import MAX_UPLOAD_BYTES, MemoryService
from tests.http.test_calls import CALL, register

pytestmark = pytest.mark.anyio

Client = AsyncTestClient[Litestar]
AUDIO = b"RIFF" + bytes(range(256)) * 40


def digest(data: bytes, algorithm: str = "sha-256") -> str:
    return f"{algorithm}=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"


async def test_a_recording_is_accepted(client: Client, memory: MemoryService) -> None:
    """202 with the documented fields and no others; the call is processing, a worker is woken, the bytes are right."""
    call = await register(client)
    answer = await client.post(f"/calls/{call['id']}/recording", files={"file": ("Запись 1.WAV", AUDIO)})
    body = answer.json()
    assert answer.status_code == 202, answer.text
    step = dict.fromkeys(["error", "next_attempt_at", "started_at", "finished_at"])
    assert body == {
        "id": body["id"],
        "call_id": call["id"],
        "filename": "Запись 1.WAV",
        "duration_sec": None,
        "transcription": None,
        "silence_marks": [],
        "created_at": "2026-11-22T09:30:00Z",
        "updated_at": "2026-11-22T09:30:00Z",
        "media_type": "audio/wav",
        "size_bytes": len(AUDIO),
        "sha256": hashlib.sha256(AUDIO).hexdigest(),
        "codec": None,
        "channels": None,
        "sample_rate_hz": None,
        "steps": [
            {"analyzer": "signal", "version": "1", "status": "pending", "attempts": 0, **step},
            {"analyzer": "words", "version": "1", "status": "pending", "attempts": 0, **step},
        ],
        "findings": {},
        "audio_expired_at": None,
        "transcript_expired_at": None,
    }
    assert (await client.get(f"/calls/{call['id']}")).json()["status"] == "processing"
    assert (await client.get(f"/calls/{call['id']}/recording")).json() == body
    assert (await client.get(f"/calls/{call['id']}/recording/audio")).content == AUDIO
    assert len(memory.wake_ups.sent) == 1


async def test_findings_are_told(client: Client, memory: MemoryService) -> None:
    """Seed fields come from the findings, and each finding stands under its analyzer with its kind."""
    call = await register(client)
    await client.post(f"/calls/{call['id']}/recording", files={"file": ("a.wav", AUDIO)})
    await memory.finish(call["id"])
    body = (await client.get(f"/calls/{call['id']}/recording")).json()
    assert body["duration_sec"] == 2.5
    assert body["transcription"] == "Hello & welcome\nhow <are> you"
    assert body["silence_marks"] == [
        {"start_sec": 0.5, "end_sec": 1.75, "channel": None},
        {"start_sec": 0.25, "end_sec": 2.0, "channel": 1},
    ]
    assert (body["codec"], body["channels"], body["sample_rate_hz"]) == ("pcm_mulaw", 2, 8000)
    assert body["findings"]["signal"]["kind"] == "signal"
    assert body["findings"]["signal"]["levels_dbfs"] == [[-12.5, -96.0, -20.0], [-30.0, -31.0, -96.0]]
    assert body["findings"]["words"]["kind"] == "transcript"
    assert body["findings"]["words"]["segments"][0] == {
        "start_sec": 0.0,
        "end_sec": 0.5,
        "text": "Hello & welcome",
        "channel": 0,
        "words": [
            {"text": "Hello", "start_sec": 0.0, "end_sec": 0.25},
            {"text": "welcome", "start_sec": 0.25, "end_sec": 0.5},
        ],
    }
    assert body["findings"]["words"]["segments"][1]["words"] == []


async def test_facts_are_told_as_they_are() -> None:
    """Whatever a plugin found comes out as its JSON."""
    memory = MemoryService(analyzers=(Named("mood"),))
    async with AsyncTestClient(memory.app()) as client:
        call = await register(client)
        await client.post(f"/calls/{call['id']}/recording", files={"file": ("a.wav", AUDIO)})
        await memory.finish(call["id"], {"mood": Facts(values={"joy": [0.5, None, {"x": "y"}]})})
        findings = (await client.get(f"/calls/{call['id']}/recording")).json()["findings"]
        assert findings == {"mood": {"kind": "facts", "values": {"joy": [0.5, None, {"x": "y"}]}, "caveat": None}}


async def test_tags_that_were_found_are_tags_of_the_call() -> None:
    """They stand after the given ones, once; list and export know them; the call is the same when registered again."""
    memory = MemoryService(analyzers=(Named("mood"),))
    async with AsyncTestClient(memory.app()) as client:
        details = {"external_id": "1", "tags": ["vip", "shop 7"]}
        call = await register(client, **details)
        await client.post(f"/calls/{call['id']}/recording", files={"file": ("a.wav", AUDIO)})
        await memory.finish(call["id"], {"mood": Facts(values={}, tags=("жалоба", "vip"))})
        tags = ["vip", "shop 7", "жалоба"]
        assert (await client.get(f"/calls/{call['id']}")).json()["tags"] == tags
        assert [each["tags"] for each in (await client.get("/calls?tag=жалоба")).json()["items"]] == [tags]
        assert '""жалоба""' in (await client.get("/calls/export?tag=жалоба")).text
        again = await client.post("/calls", json=CALL | details)
        assert (again.status_code, again.json()["id"]) == (200, call["id"])


@pytest.mark.parametrize("method", ["post", "put"])
async def test_a_call_has_one_recording(client: Client, method: str) -> None:
    """A second one is a conflict, and the first stays as it was."""
    call = await register(client)
    path = f"/calls/{call['id']}/recording"
    assert (await client.post(path, files={"file": ("a.wav", AUDIO)})).status_code == 202
    if method == "post":
        answer = await client.post(path, files={"file": ("b.wav", b"other")})
    else:
        answer = await client.put(f"{path}?filename=b.wav", content=b"other")
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:calls:problem:recording-exists")
    assert (await client.get(f"{path}/audio")).content == AUDIO


async def test_no_recording_without_a_call(client: Client) -> None:
    """404, by form and by bare body."""
    path = f"/calls/{uuid4()}/recording"
    assert (await client.post(path, files={"file": ("a.wav", AUDIO)})).json()[
        "type"
    ] == "urn:calls:problem:call-not-found"
    assert (await client.put(f"{path}?filename=a.wav", content=AUDIO)).status_code == 404


@pytest.mark.parametrize("name", ["a.exe", "wav", ".wav", "a.wav.", "a", "a.wav\\", "..", ".", "  ", "a.w\u0430v"])
async def test_other_extensions_are_refused_with_the_list(client: Client, memory: MemoryService, name: str) -> None:
    """422 unsupported-extension tells what is accepted; nothing is kept."""
    call = await register(client)
    for answer in (
        await client.post(f"/calls/{call['id']}/recording", files={"file": (name, AUDIO)}),
        await client.put(f"/calls/{call['id']}/recording", params={"filename": name}, content=AUDIO),
    ):
        if name == "a.wav.":  # the full stop at the end is taken off
            assert answer.status_code in {202, 409}
            continue
        assert answer.status_code == 422
        assert answer.json()["type"] == "urn:calls:problem:unsupported-extension"
        assert all(f".{extension}" in answer.json()["detail"] for extension in MEDIA_TYPES)
        assert not memory.database.holds


async def test_an_empty_file_is_refused(client: Client, memory: MemoryService) -> None:
    """422 empty-recording, and the call can still get its recording."""
    call = await register(client)
    path = f"/calls/{call['id']}/recording"
    for answer in (
        await client.post(path, files={"file": ("a.wav", b"")}),
        await client.put(f"{path}?filename=a.wav", content=b""),
    ):
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:calls:problem:empty-recording")
    assert not memory.database.holds
    assert (await client.put(f"{path}?filename=a.wav", content=AUDIO)).status_code == 202


async def test_a_file_at_the_limit_is_accepted_and_one_byte_more_is_not(client: Client, memory: MemoryService) -> None:
    """413 too-large, whether the declared length or the counted bytes pass the limit."""
    call, other = await register(client), await register(client)
    path, body = f"/calls/{call['id']}/recording", bytes(MAX_UPLOAD_BYTES)

    for answer in (
        await client.put(f"{path}?filename=a.wav", content=body + b"x"),
        await client.post(path, files={"file": ("a.wav", body + b"x")}),
        await client.put(f"{path}?filename=a.wav", content=body * 8),
        await client.post(path, files={"file": ("a.wav", body * 8)}),
    ):
        assert (answer.status_code, answer.json()["type"]) == (413, "urn:calls:problem:too-large"), answer.text
    assert not memory.database.holds
    assert (await client.put(f"{path}?filename=a.wav", content=body)).status_code == 202
    assert (await client.post(f"/calls/{other['id']}/recording", files={"file": ("a.wav", body)})).status_code == 202


@pytest.mark.parametrize(
    ("headers", "query", "expected"),
    [
        ({}, "?filename=a%20b.mp3", "a b.mp3"),
        ({"Content-Disposition": 'attachment; filename="a b.mp3"'}, "", "a b.mp3"),
        ({"Content-Disposition": "attachment; filename=\"x.mp3\"; filename*=UTF-8''%D1%8F.mp3"}, "", "x.mp3"),
        ({"Content-Disposition": "attachment; filename*=UTF-8''%D1%8F.mp3"}, "", "я.mp3"),
        ({"Content-Disposition": "attachment; filename=a.mp3"}, "?filename=b.mp3", "b.mp3"),
        ({"Content-Disposition": 'attachment; filename="../../etc/a.mp3"'}, "", "a.mp3"),
    ],
)
async def test_the_bare_body_is_named(client: Client, headers: dict[str, str], query: str, expected: str) -> None:
    """By the query, which wins, or by Content-Disposition; paths are cut off."""
    call = await register(client)
    answer = await client.put(f"/calls/{call['id']}/recording{query}", content=AUDIO, headers=headers)
    assert (answer.status_code, answer.json()["filename"]) == (202, expected)


@pytest.mark.parametrize("headers", [{}, {"Content-Disposition": "attachment"}, {"Content-Disposition": ";;=\xff;"}])
async def test_a_bare_body_without_a_name_is_refused(client: Client, headers: dict[str, str]) -> None:
    """422 points at /filename."""
    call = await register(client)
    answer = await client.put(
        f"/calls/{call['id']}/recording", content=AUDIO, headers={k: v.encode("latin-1") for k, v in headers.items()}
    )
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/filename")


@pytest.mark.parametrize("field", ["Content-Digest", "Repr-Digest"])
async def test_a_digest_is_checked(client: Client, memory: MemoryService, field: str) -> None:
    """The right one is accepted, among others too; a wrong one is 422 digest-mismatch and nothing is kept."""
    call = await register(client)
    path = f"/calls/{call['id']}/recording?filename=a.wav"
    wrong = await client.put(path, content=AUDIO, headers={field: digest(b"other")})
    assert (wrong.status_code, wrong.json()["type"]) == (422, "urn:calls:problem:digest-mismatch")
    assert not memory.database.holds
    right = await client.put(path, content=AUDIO, headers={field: f"md5=:xx:, {digest(AUDIO)}"})
    assert right.status_code == 202


@pytest.mark.parametrize("value", ["sha-256=abc", "sha-256=:!:", "sha-256=::", "sha-256=:YQ==:", "SHA-256=", "sha-256"])
async def test_a_damaged_digest_is_refused(client: Client, value: str) -> None:
    """What names sha-256 but is no byte sequence of 32 bytes is refused; a mere word is another dictionary key."""
    call = await register(client)
    answer = await client.put(
        f"/calls/{call['id']}/recording?filename=a.wav", content=AUDIO, headers={"Content-Digest": value}
    )
    assert answer.status_code == (202 if value == "sha-256" else 422)


async def test_digests_that_differ_are_refused(client: Client) -> None:
    """A whole uncoded body has one digest."""
    call = await register(client)
    headers = {"Content-Digest": digest(AUDIO), "Repr-Digest": digest(b"other")}
    answer = await client.put(f"/calls/{call['id']}/recording?filename=a.wav", content=AUDIO, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:calls:problem:invalid")


async def test_parts_and_codings_are_refused(client: Client) -> None:
    """A Content-Range or a Content-Encoding would mean that the body is not the recording."""
    call = await register(client)
    path = f"/calls/{call['id']}/recording?filename=a.wav"
    partial = await client.put(path, content=AUDIO, headers={"Content-Range": "bytes 0-9/100"})
    assert (partial.status_code, partial.json()["type"]) == (400, "urn:calls:problem:partial-put")
    coded = await client.put(path, content=AUDIO, headers={"Content-Encoding": "gzip"})
    assert (coded.status_code, coded.json()["type"]) == (415, "urn:calls:problem:unsupported-media-type")


async def test_a_waveform_has_the_form_that_players_read(client: Client, memory: MemoryService) -> None:
    """BBC audiowaveform's JSON: for each pixel and channel the minimum and the maximum, at most as many as asked."""
    call = await register(client)
    path = f"/calls/{call['id']}/recording"
    await client.post(path, files={"file": ("a.wav", AUDIO)})
    assert (await client.get(f"{path}/waveform")).json()["type"] == "urn:calls:problem:no-waveform"
    await memory.finish(call["id"])
    body = (await client.get(f"{path}/waveform")).json()
    assert {key: value for key, value in body.items() if key != "data"} == {
        "version": 2,
        "channels": 2,
        "sample_rate": 8000,
        "samples_per_pixel": 80,
        "bits": 8,
        "length": 250,
    }
    assert body["data"] == [-128, 127, -2, 2] * 250
    few = (await client.get(f"{path}/waveform?pixels=100")).json()
    assert (few["length"], few["samples_per_pixel"], len(few["data"])) == (84, 240, 336)
    for pixels in ("0", "-1", "100001", "x"):
        assert (await client.get(f"{path}/waveform?pixels={pixels}")).status_code == 422


async def test_a_transcript_in_every_form(client: Client, memory: MemoryService) -> None:
    """JSON, text, SubRip and WebVTT; what would break a subtitle file is made harmless."""
    call = await register(client)
    await client.post(f"/calls/{call['id']}/recording", files={"file": ("a.wav", AUDIO)})
    path = f"/calls/{call['id']}/transcript"
    assert (await client.get(path)).json()["type"] == "urn:calls:problem:no-transcript"
    await memory.finish(call["id"])
    assert (await client.get(path)).json()["language"] == "en"
    text = await client.get(f"{path}?format=text")
    assert (text.headers["content-type"], text.text) == ("text/plain; charset=utf-8", "Hello & welcome\nhow <are> you")
    subtitles = await client.get(f"{path}?format=srt")
    assert subtitles.headers["content-type"].startswith("application/x-subrip")
    assert subtitles.text == (
        "1\n00:00:00,000 --> 00:00:00,500\nHello & welcome\n\n"
        "2\n00:00:01,750 --> 00:00:02,500\nhow <are> you -> there\n"
    )
    cues = await client.get(f"{path}?format=vtt")
    assert cues.headers["content-type"] == "text/vtt; charset=utf-8"
    assert cues.text == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:00.500\n<v channel 0>Hello &amp; welcome\n\n"
        "00:00:01.750 --> 00:00:02.500\n<v channel 1>how &lt;are&gt; you --&gt; there\n"
    )
    assert (await client.get(f"{path}?format=pdf")).status_code == 422


async def test_a_transcript_without_segments_is_one_cue() -> None:
    """Its text is shown from the beginning; without a measured length for a second."""
    memory = MemoryService(analyzers=(Named("words"),))
    async with AsyncTestClient(memory.app()) as client:
        call = await register(client)
        await client.post(f"/calls/{call['id']}/recording", files={"file": ("a.wav", AUDIO)})
        await memory.finish(call["id"], {"words": Transcript(text="hi")})
        answer = await client.get(f"/calls/{call['id']}/transcript?format=vtt")
        assert answer.text == "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nhi\n"


def test_cues_come_in_the_order_of_time_and_last() -> None:
    """WebVTT demands both, and segments that a plugin has made need have neither."""
    told = (Segment(start_sec=2, end_sec=2, text="b"), Segment(start_sec=1, end_sec=0.5, text="a"))
    assert vtt(told) == "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\na\n\n00:00:02.000 --> 00:00:03.000\nb\n"
    assert srt(told).startswith("1\n00:00:01,000 --> 00:00:02,000\na\n")


async def test_with_s3_the_download_is_an_address_for_a_while(
    client: Client, memory: MemoryService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """200 with the address and when it expires, which no cache may keep."""
    asked: list[tuple[object, ...]] = []

    async def presign(*arguments: object) -> PresignedUrl:
        asked.append(arguments)
        return PresignedUrl("https://s3.example/calls/a?X-Amz-Signature=1", datetime(2026, 11, 22, 9, 45, tzinfo=UTC))

    monkeypatch.setattr(memory.storage, "presign", presign)
    call = await register(client)
    await client.post(f"/calls/{call['id']}/recording", files={"file": ("Запись.wav", AUDIO)})
    answer = await client.get(f"/calls/{call['id']}/download")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    address = "https://s3.example/calls/a?X-Amz-Signature=1"
    assert answer.json() == {"url": address, "expires_at": "2026-11-22T09:45:00Z"}
    assert asked[0][1:3] == ("Запись.wav", "audio/wav")


async def test_without_s3_the_download_names_the_audio(client: Client) -> None:
    """501 presigned-urls-unavailable tells the path that works."""
    call = await register(client)
    await client.post(f"/calls/{call['id']}/recording", files={"file": ("a.wav", AUDIO)})
    answer = await client.get(f"/calls/{call['id']}/download")
    assert (answer.status_code, answer.json()["type"]) == (501, "urn:calls:problem:presigned-urls-unavailable")
    assert f"/calls/{call['id']}/recording/audio" in answer.json()["detail"]
