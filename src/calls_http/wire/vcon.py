"""A call as a vCon, the container for conversations that the IETF is drafting.

Syntax 0.4.0: https://datatracker.ietf.org/doc/draft-ietf-vcon-vcon-core/03/
"""

import re
from base64 import urlsafe_b64encode
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

import msgspec

from calls_core import call as core
from calls_core import findings, recording
from calls_http.wire.recordings import finding_on_the_wire

VENDOR: Final = "calls-service"
CALLER: Final = 0
JSON: Final = "application/json"

_NUMBER: Final = re.compile(r"\+?[0-9]+")
_SEPARATORS: Final = str.maketrans("", "", " -.()")


class Party(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Who took part, by what their number, address or name looks like."""

    tel: str | None = None
    sip: str | None = None
    name: str | None = None
    validation: str | None = None

    @classmethod
    def of(cls, text: str, name: str | None = None) -> "Party":
        number = text.translate(_SEPARATORS)
        if _NUMBER.fullmatch(number):
            party = cls(tel=number)
        elif text.lower().startswith(("sip:", "sips:")):
            party = cls(sip=text)
        else:
            party = cls(name=text)
        party.name = name or party.name
        party.validation = "none" if party.name else None
        return party


class Dialog(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The recording, told by address and hash; neither is there while the call has none."""

    type: Literal["recording"]
    start: datetime
    duration: float | None = None
    parties: list[int | list[int]]
    mediatype: str | None = None
    filename: str | None = None
    url: str | None = None
    content_hash: str | None = None


class Attachment(msgspec.Struct, kw_only=True):
    """What the business system told about the call."""

    purpose: str
    start: datetime
    party: int
    dialog: int
    mediatype: str
    encoding: Literal["json"]
    body: dict[str, Any]


class Analysis(msgspec.Struct, kw_only=True):
    """What an analyzer found. *body* is as under ``findings`` of a recording; *product* is the analyzer."""

    type: Literal["transcript", "report"]
    dialog: int
    mediatype: str
    vendor: str
    product: str
    schema: str
    encoding: Literal["json"]
    body: dict[str, Any]


class Vcon(msgspec.Struct, kw_only=True):
    """*uuid* is the call's id, so that the vCon of a call is the same one for ever."""

    vcon: Literal["0.4.0"]
    uuid: UUID
    created_at: datetime
    updated_at: datetime
    subject: str
    parties: list[Party]
    dialog: list[Dialog]
    analysis: list[Analysis]
    attachments: list[Attachment]

    @classmethod
    def of(cls, call: core.Call, found: recording.Recording | None, url: str, sha512: bytes) -> "Vcon":
        """Return the vCon of a call; *url* and *sha512* are those of its audio and do not matter without one."""
        details = call.details
        return cls(
            vcon="0.4.0",
            uuid=call.id,
            created_at=call.created_at,
            updated_at=max(call.updated_at, found.updated_at) if found else call.updated_at,
            subject=f"{details.caller} to {details.receiver}",
            parties=[
                Party.of(details.caller, _agent(call, core.Direction.OUTBOUND)),
                Party.of(details.receiver, _agent(call, core.Direction.INBOUND)),
            ],
            dialog=[_dialog(call, found, url, sha512)],
            analysis=[_analysis(name, finding) for name, finding in found.findings.items()] if found else [],
            attachments=[
                Attachment(
                    purpose="call details",
                    start=details.started_at,
                    party=CALLER,
                    dialog=0,
                    mediatype=JSON,
                    encoding="json",
                    body=_told(call),
                )
            ],
        )


def _told(call: core.Call) -> dict[str, Any]:
    details = call.details
    return {
        "external_id": details.external_id,
        "direction": details.direction,
        "agent": details.agent,
        "status": call.status,
        "tags": call.tags,
        "metadata": dict(details.metadata),
    }


def _agent(call: core.Call, direction: core.Direction) -> str | None:
    """Return the agent if it is the party that has one in calls of this direction."""
    return call.details.agent if call.details.direction is direction else None


def _dialog(call: core.Call, found: recording.Recording | None, url: str, sha512: bytes) -> Dialog:
    everyone = [CALLER, CALLER + 1]
    start = call.details.started_at
    if found is None:
        return Dialog(type="recording", start=start, parties=list(everyone))
    # Which party is on which channel is not known: each channel may have either.
    channels = found.signal.channels if found.signal else 1
    return Dialog(
        type="recording",
        start=start,
        duration=found.duration_sec,
        parties=list(everyone) if channels == 1 else [everyone] * channels,
        mediatype=found.media_type,
        filename=found.filename,
        url=url,
        content_hash=f"sha512-{urlsafe_b64encode(sha512).decode().rstrip('=')}",
    )


def _analysis(analyzer: str, finding: findings.Finding) -> Analysis:
    body = finding_on_the_wire(finding)
    return Analysis(
        type="transcript" if isinstance(finding, findings.Transcript) else "report",
        dialog=0,
        mediatype=JSON,
        vendor=VENDOR,
        product=analyzer,
        schema=f"{VENDOR}-{body['kind']}",
        encoding="json",
        body=body,
    )
