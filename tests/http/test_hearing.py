"""Those who may not hear the original, at every door there is."""

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from calls_core.accounts import Role, Scope
from calls_core.errors import Reason
from calls_core.findings import Facts, Finding, MutedSpan, Redaction, Transcript
from calls_core.hearing import Hears
from calls_core.recording import CallId, StoredCopy
from tests.http.made_up import SIGNAL, TRANSCRIPT, Named, sha256
from tests.http.memory_service import MemoryService

pytestmark = pytest.mark.anyio

Client = AsyncTestClient[Litestar]

SECRET: Final = "4111 1111"
MASKED: Final = Transcript(text="my card is *** ***", segments=TRANSCRIPT.segments[:1])
SAID: Final = replace(TRANSCRIPT, text=f"my card is {SECRET}")
AUDIO: Final = b"the sound of " + SECRET.encode()
COPY: Final = b"the sound of silence"
REDACTION: Final = Redaction(transcript=MASKED, spans=(MutedSpan(start_sec=0.5, end_sec=1.0, kind="card"),))
QUOTED: Final = Reason("analyzer-crashed", f"ValueError: cannot make sense of {SECRET!r}")
FOUND: Final[dict[str, Finding | Reason]] = {
    "signal": SIGNAL,
    "words": SAID,
    "facts": Facts(values={"quote": SECRET}),
    "clumsy": QUOTED,
}
NOT_REDACTED: Final = "urn:calls:problem:not-redacted"


class House:
    """A service with a call in it, and somebody of each kind to ask for it."""

    def __init__(self, others_hear: Hears) -> None:
        analyzers = tuple(Named(name) for name in (*FOUND, "redact"))
        self.memory = MemoryService(analyzers=analyzers, accounts=True, others_hear=others_hear)
        self.app = self.memory.app()
        self.headers: dict[str, dict[str, str]] = {}

    async def settle(self, client: Client) -> None:
        for role in Role:
            await self.memory.add_user(f"a-{role}", role)
            answer = await client.post("/auth/login", json={"username": f"a-{role}", "password": "correct horse"})
            self.headers[role] = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        readers = (Scope.CALLS_READ, Scope.EVENTS_READ)
        for name, scopes in (("key", readers), ("trusted key", (*readers, Scope.ORIGINALS_READ))):
            self.headers[name] = {"Authorization": f"Bearer {await self.memory.add_key(*scopes)}"}

    async def call(self, client: Client, redaction: Finding | Reason | None, copy: bytes | None = None) -> str:
        """A call that was processed; without *redaction*, that step is as it was."""
        headers = self.headers[Role.OPERATOR]
        answer = await client.post("/calls", json=register_body(), headers=headers)
        call_id = str(answer.json()["id"])
        await client.post(f"/calls/{call_id}/recording", files={"file": ("a.wav", AUDIO)}, headers=headers)
        await self.memory.finish(call_id, FOUND | ({"redact": redaction} if redaction else {}))
        if copy is not None:
            await self.memory.storage.put("copy", _chunks(copy))
            self.change(call_id, redacted_copy=StoredCopy("copy", len(copy), sha256(copy)))
        await self.memory.tell()
        return call_id

    def change(self, call_id: str, **fields: Any) -> None:
        recordings, key = self.memory.database.recordings, CallId(UUID(call_id))
        recordings[key] = replace(recordings[key], **fields)


def register_body() -> dict[str, Any]:
    return {"caller": "+7900", "receiver": "101", "started_at": "2026-01-01T10:00:00Z"}


async def _chunks(data: bytes) -> AsyncIterator[bytes]:
    yield data


@pytest.fixture
async def house() -> House:
    return House(Hears.REDACTED)


@pytest.fixture
async def visitors(house: House) -> AsyncIterator[Client]:
    async with AsyncTestClient(house.app, raise_server_exceptions=False) as client:
        await house.settle(client)
        yield client


def doors(app: Litestar, call_id: str) -> Iterator[str]:
    """Every path of the document that can be read, of this call where it is of one."""
    for template, item in app.openapi_schema.to_schema()["paths"].items():
        if "get" in item and not template.startswith(("/health", "/metrics")):
            yield re.sub(r"\{call_id\}", call_id, template)


STATES: Final = ("redacted", "without its copy", "failed", "never", "older than the transcript", "being made anew")


async def in_state(house: House, client: Client, state: str) -> str:
    if state == "never":
        return await house.call(client, None)
    if state == "failed":
        return await house.call(client, QUOTED)
    if state == "without its copy":
        return await house.call(client, REDACTION)
    call_id = await house.call(client, REDACTION, COPY)
    if state == "older than the transcript":
        house.memory.now += timedelta(minutes=1)
        recording = house.memory.database.recordings[CallId(UUID(call_id))]
        house.change(call_id, steps=recording.complete("words", SAID, house.memory.now).steps)
    if state == "being made anew":
        await client.post(
            f"/calls/{call_id}/reprocess",
            json={"analyzers": ["redact"], "force": True},
            headers=house.headers[Role.OPERATOR],
        )
    return call_id


@pytest.mark.parametrize("state", STATES)
async def test_no_door_lets_the_original_out(house: House, visitors: Client, state: str) -> None:
    """Everything that can be read, by a viewer and by a key; whoever opens another door finds it tried here."""
    call_id = await in_state(house, visitors, state)
    for who in (Role.VIEWER, "key"):
        for path in doors(house.app, call_id):
            answer = await visitors.get(path, headers=house.headers[who])
            assert SECRET.encode() not in answer.content, (who, path)
            assert answer.status_code not in {401, 500}, (who, path)


async def test_whoever_may_hears_the_original(house: House, visitors: Client) -> None:
    """Operators, admins, and keys with ``originals:read``: the same doors would let it out."""
    call_id = await house.call(visitors, REDACTION, COPY)
    for who in (Role.OPERATOR, Role.ADMIN, "trusted key"):
        for path in ("recording", "recording/audio", "transcript"):
            answer = await visitors.get(f"/calls/{call_id}/{path}", headers=house.headers[who])
            assert SECRET.encode() in answer.content, (who, path)
        found = await visitors.get("/calls", params={"text": "card is 4111"}, headers=house.headers[who])
        assert found.json()["total"] == 1


async def test_what_a_viewer_has_instead(house: House, visitors: Client) -> None:
    """The masked transcript in all formats, the copy with its own digest, name and ranges, and a flat waveform."""
    call_id = await house.call(visitors, REDACTION, COPY)
    headers = house.headers[Role.VIEWER]
    recording = (await visitors.get(f"/calls/{call_id}/recording", headers=headers)).json()
    assert recording["transcription"] == MASKED.text
    assert {name: found["kind"] for name, found in recording["findings"].items()} == {
        "signal": "signal",
        "redact": "transcript",
    }
    assert (recording["media_type"], recording["size_bytes"], recording["sha256"], recording["filename"]) == (
        "audio/wav",
        len(COPY),
        sha256(COPY),
        "a.redacted.wav",
    )
    [clumsy] = [step for step in recording["steps"] if step["analyzer"] == "clumsy"]
    assert clumsy["error"]["code"] == "analyzer-crashed"
    audio = await visitors.get(f"/calls/{call_id}/recording/audio", headers=headers)
    assert (audio.content, audio.headers["ETag"]) == (COPY, f'"{sha256(COPY)}"')
    part = await visitors.get(f"/calls/{call_id}/recording/audio", headers=headers | {"Range": "bytes=4-8"})
    assert (part.status_code, part.content) == (206, COPY[4:9])
    for text in ("json", "text", "srt", "vtt"):
        answer = await visitors.get(f"/calls/{call_id}/transcript?format={text}", headers=headers)
        assert answer.status_code == 200, text
    data = (await visitors.get(f"/calls/{call_id}/recording/waveform", headers=headers)).json()["data"]
    assert data[:8] == [-128, 127, -2, 2, -128, 127, -2, 2]
    assert set(data[50 * 4 : 100 * 4]) == {0}


@pytest.mark.parametrize("state", STATES[1:])
async def test_until_there_is_a_redacted_form_there_is_nothing(house: House, visitors: Client, state: str) -> None:
    """The audio is refused by a code that says why, and so is the transcript, but where only the copy is missing."""
    call_id = await in_state(house, visitors, state)
    headers = house.headers[Role.VIEWER]
    for path in ("recording/audio", "download", "transcript", "recording/waveform"):
        answer = await visitors.get(f"/calls/{call_id}/{path}", headers=headers)
        if state == "without its copy" and path in {"transcript", "recording/waveform"}:
            assert answer.status_code == 200
        else:
            assert (answer.status_code, answer.json()["type"]) == (404, NOT_REDACTED), (path, answer.text)
    assert (await visitors.get(f"/calls/{call_id}/recording", headers=headers)).status_code == 200


async def test_where_nothing_is_to_be_muted_the_audio_is_the_original(house: House, visitors: Client) -> None:
    """A copy would sound the same."""
    call_id = await house.call(visitors, Redaction(transcript=MASKED))
    answer = await visitors.get(f"/calls/{call_id}/recording/audio", headers=house.headers[Role.VIEWER])
    assert answer.content == AUDIO


async def test_a_media_token_hears_what_its_owner_hears(house: House, visitors: Client) -> None:
    """A player that sends no header gets no more than the page it is in."""
    call_id = await house.call(visitors, REDACTION, COPY)
    for who, heard in ((Role.VIEWER, COPY), (Role.ADMIN, AUDIO)):
        answer = await visitors.post("/auth/media-token", json={"call_id": call_id}, headers=house.headers[who])
        token = answer.json()["token"]
        assert (await visitors.get(f"/calls/{call_id}/recording/audio", params={"token": token})).content == heard


async def test_words_are_not_looked_for_in_what_may_not_be_read(house: House, visitors: Client) -> None:
    """Question after question would tell the number; list and export refuse alike."""
    await house.call(visitors, REDACTION, COPY)
    for path in ("/calls", "/calls/export"):
        answer = await visitors.get(path, params={"text": SECRET}, headers=house.headers[Role.VIEWER])
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:calls:problem:original-needed")


async def test_viewers_may_be_let_hear_the_original() -> None:
    """With ``VIEWERS_HEAR=original``, as it is without an analyzer that redacts."""
    house = House(Hears.ORIGINAL)
    async with AsyncTestClient(house.app) as client:
        await house.settle(client)
        call_id = await house.call(client, None)
        answer = await client.get(f"/calls/{call_id}/recording/audio", headers=house.headers[Role.VIEWER])
        assert answer.content == AUDIO


async def test_a_machine_that_registers_a_call_again_is_not_told_either(house: House, visitors: Client) -> None:
    """It gets the call with the code of its failure, and whoever may hear the original the detail too."""
    body = register_body() | {"external_id": "7"}
    call_id = str((await visitors.post("/calls", json=body, headers=house.headers[Role.OPERATOR])).json()["id"])
    calls, key = house.memory.database.calls, CallId(UUID(call_id))
    calls[key] = replace(calls[key], failure=QUOTED)
    house.headers["writer"] = {"Authorization": f"Bearer {await house.memory.add_key(Scope.CALLS_WRITE)}"}
    for who, told in (("writer", False), (Role.OPERATOR, True)):
        answer = await visitors.post("/calls", json=body, headers=house.headers[who])
        assert answer.json()["failure"]["code"] == "analyzer-crashed"
        assert (SECRET in answer.text) is told, who
