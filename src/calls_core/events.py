"""What happened, as others may be told."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType
from uuid import UUID

from calls_core.recording import CallId

EventId = NewType("EventId", UUID)
DestinationId = NewType("DestinationId", UUID)


class EventType(StrEnum):
    CALL_CREATED = "call.created"
    RECORDING_ATTACHED = "recording.attached"
    CALL_READY = "call.ready"
    CALL_FAILED = "call.failed"
    CALL_DELETED = "call.deleted"
    WEBHOOK_DISABLED = "webhook.disabled"
    WEBHOOK_TEST = "webhook.test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One fact about a call, or about a destination. It keeps its *id* for ever, however often it is told."""

    id: EventId
    type: EventType
    call_id: CallId | None
    occurred_at: datetime
    destination_id: DestinationId | None = None
