"""Events on the wire: the same in the feed, in the stream and in what destinations are sent."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from calls_core import call as core
from calls_core import recording as domain
from calls_core.destination import Destination
from calls_core.events import Event as CoreEvent
from calls_core.events import EventType
from calls_core.ports import FeedEntry
from calls_http.wire.calls import Call, Reason
from calls_http.wire.recordings import Recording

BODY_LIMIT: Final = 20_000
"""Bytes. Standard Webhooks advises to stay below 20 kB; receivers often refuse much more."""


class EventBody(msgspec.Struct, kw_only=True):
    """*timestamp* is when it happened; *data* has ``call_id`` and what the type says."""

    type: EventType
    timestamp: datetime
    data: dict[str, Any]


class Event(EventBody, kw_only=True):
    """*id* is that of the deliveries of the event, too. *cursor* is its place in the feed."""

    id: UUID
    cursor: str

    @classmethod
    def of(cls, entry: FeedEntry) -> "Event":
        body = msgspec.json.decode(entry.told.body, type=EventBody)
        return cls(
            id=entry.told.event.id,
            cursor=str(entry.position),
            type=body.type,
            timestamp=body.timestamp,
            data=body.data,
        )


class EventPage(msgspec.Struct, kw_only=True):
    """*next_cursor* goes into ``after`` of the next request, now or when there may be more."""

    items: list[Event]
    next_cursor: str

    @classmethod
    def of(cls, entries: Sequence[FeedEntry], asked_after: int) -> "EventPage":
        last = entries[-1].position if entries else asked_after
        return cls(items=[Event.of(entry) for entry in entries], next_cursor=str(last))


def webhook_event_body(event: CoreEvent, destination: Destination | None) -> bytes:
    """Return what is told of an *event* about a destination, which may have been removed since."""
    disabled = destination.disabled if destination else None
    data = {"webhook_id": event.destination_id, "disabled_reason": Reason.of(disabled)}
    return _encoded(event, data)


def event_body(event: CoreEvent, call: core.Call | None, recording: domain.Recording | None) -> bytes:
    """Return what is told of *event*, with the call and its recording as the API shows them.

    Beyond 20 kB, the transcript gives way to ``transcript_url``, and then findings and silences to ``recording_url``.
    """
    data: dict[str, Any] = {"call_id": event.call_id}
    if call is not None:
        data["call"] = Call.of(call)
        data["recording"] = Recording.of(recording) if recording else None
    text = _encoded(event, data)
    if recording is None or len(text) <= BODY_LIMIT:
        return text
    shown = data["recording"]
    if recording.transcript:
        shown.transcription = None
        shown.findings = {name: found for name, found in shown.findings.items() if found["kind"] != "transcript"}
        data["transcript_url"] = f"/calls/{event.call_id}/transcript"
        text = _encoded(event, data)
    if len(text) > BODY_LIMIT:
        shown.findings, shown.silence_marks = {}, []
        data["recording_url"] = f"/calls/{event.call_id}/recording"
        text = _encoded(event, data)
    return text


def _encoded(event: CoreEvent, data: dict[str, Any]) -> bytes:
    return msgspec.json.encode(EventBody(type=event.type, timestamp=event.occurred_at, data=data))
