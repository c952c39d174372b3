"""A call as a vCon: what the draft demands, and what a reader needs."""

import hashlib
from base64 import urlsafe_b64encode
from datetime import datetime
from typing import Any, Literal
from uuid import UUID, uuid4

import msgspec
import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from calls_core.findings import Facts
from tests.http.made_up import SIGNAL, TRANSCRIPT
from tests.http.memory_service import MemoryService
from tests.http.test_calls import register

pytestmark = pytest.mark.anyio

Client = AsyncTestClient[Litestar]
Index = int


class Draft(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """draft-ietf-vcon-vcon-core-03 without extensions: a parameter that it does not know is a typing error of ours."""


class Party(Draft):
    """Section 4.2."""

    tel: str | None = None
    sip: str | None = None
    name: str | None = None
    validation: str | None = None


class Content(Draft):
    """Sections 2.3 and 2.4: inline, or with address and hash."""

    mediatype: str | None = None
    filename: str | None = None
    body: Any = None
    encoding: Literal["json", "none", "base64url"] | None = None
    url: str | None = None
    content_hash: str | None = None

    def __post_init__(self) -> None:
        inline = self.body is not None
        if inline and (self.encoding is None or self.mediatype is None or self.url is not None):
            raise ValueError("inline content has an encoding, a media type and no address")
        if (self.url is None) != (self.content_hash is None):
            raise ValueError("an address has a hash")


class Dialog(Content, kw_only=True):
    """Section 4.3."""

    type: Literal["recording"]
    start: datetime
    duration: float | None = None
    parties: list[Index | list[Index]]


class Attachment(Content, kw_only=True):
    """Section 4.4."""

    purpose: str | None = None
    start: datetime
    party: Index
    dialog: Index


class Analysis(Content, kw_only=True):
    """Section 4.5."""

    type: Literal["report", "sentiment", "summary", "transcript", "translation", "tts"]
    dialog: Index
    vendor: str
    product: str
    schema: str


class Vcon(Draft, kw_only=True):
    """Section 4.1."""

    vcon: Literal["0.4.0"]
    uuid: UUID
    created_at: datetime
    updated_at: datetime
    subject: str
    parties: list[Party]
    dialog: list[Dialog]
    analysis: list[Analysis]
    attachments: list[Attachment]


async def vcon_of(client: Client, call_id: str) -> Vcon:
    answer = await client.get(f"/calls/{call_id}/vcon")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/vcon"
    vcon = msgspec.json.decode(answer.content, type=Vcon)
    for item in (*vcon.analysis, *vcon.attachments):
        assert item.dialog < len(vcon.dialog)
    parties = [party for dialog in vcon.dialog for party in dialog.parties]
    flat = [index for party in parties for index in (party if isinstance(party, list) else [party])]
    assert {*flat, *(attachment.party for attachment in vcon.attachments)} <= set(range(len(vcon.parties)))
    return vcon


async def test_a_processed_call_is_told_whole(client: Client, memory: MemoryService) -> None:
    """Who, when, the recording by address and SHA-512, each finding, and what the business system had told."""
    call = await register(
        client,
        caller="+7 (900) 123-45-67",
        receiver="sip:anna@pbx.example",
        direction="inbound",
        agent="Anna",
        metadata={"order": 7},
    )
    audio = b"RIFF" * 1000
    await client.post(f"/calls/{call['id']}/recording", files={"file": ("a.wav", audio)})
    await memory.finish(call["id"], {"signal": SIGNAL, "words": TRANSCRIPT})

    vcon = await vcon_of(client, call["id"])

    assert vcon.uuid == UUID(call["id"])
    assert vcon.parties == [
        Party(tel="+79001234567"),
        Party(sip="sip:anna@pbx.example", name="Anna", validation="none"),
    ]
    dialog = vcon.dialog[0]
    assert (dialog.duration, dialog.mediatype, dialog.filename) == (SIGNAL.duration_sec, "audio/wav", "a.wav")
    assert dialog.parties == ([0, 1] if SIGNAL.channels == 1 else [[0, 1]] * SIGNAL.channels)
    digest = urlsafe_b64encode(hashlib.sha512(audio).digest()).decode().rstrip("=")
    assert dialog.content_hash == f"sha512-{digest}"
    assert (await client.get(dialog.url or "")).content == audio
    found = {analysis.product: analysis for analysis in vcon.analysis}
    assert found["words"].type == "transcript"
    assert found["words"].body["text"] == TRANSCRIPT.text
    assert found["signal"].type == "report"
    assert vcon.attachments[0].body["metadata"] == {"order": 7}


async def test_a_call_without_a_recording_has_a_placeholder(client: Client) -> None:
    """It is a call all the same; who is no number and no address has a name."""
    call = await register(client, caller="102", receiver="reception", agent="Anna")

    vcon = await vcon_of(client, call["id"])

    assert vcon.parties == [Party(tel="102"), Party(name="reception", validation="none")]
    assert (vcon.dialog[0].url, vcon.dialog[0].duration, vcon.analysis) == (None, None, [])


async def test_whatever_plugins_found_is_in_it(client: Client, memory: MemoryService) -> None:
    """Facts are any JSON."""
    call = await register(client)
    await client.post(f"/calls/{call['id']}/recording", files={"file": ("a.wav", b"RIFF")})
    await memory.finish(call["id"], {"signal": Facts(values={"mood": ["good", None]}), "words": TRANSCRIPT})

    vcon = await vcon_of(client, call["id"])

    assert {a.product: a.body.get("values") for a in vcon.analysis}["signal"] == {"mood": ["good", None]}


async def test_there_is_no_vcon_of_no_call(client: Client) -> None:
    """404, as everywhere."""
    answer = await client.get(f"/calls/{uuid4()}/vcon")
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:calls:problem:call-not-found")
