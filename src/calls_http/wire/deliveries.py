"""Deliveries on the wire."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from calls_core import delivery as core
from calls_core.call import TEXT_LIMIT, CallStatus
from calls_core.events import DestinationId, EventType
from calls_http.wire.calls import SENTENCE, Moment, Reason


class Attempt(msgspec.Struct, kw_only=True):
    """*status* is null when there was no answer; *answer* is the first KiB of its body."""

    at: datetime
    duration_ms: int
    status: int | None
    error: Reason | None
    answer: str

    @classmethod
    def of(cls, attempt: core.Attempt) -> "Attempt":
        return cls(
            at=attempt.at,
            duration_ms=attempt.duration_ms,
            status=attempt.status,
            error=Reason.of(attempt.error),
            answer=attempt.head,
        )


class Delivery(msgspec.Struct, kw_only=True):
    """One event on its way to one destination. *attempt* counts since it was made, released or replayed."""

    id: UUID
    webhook_id: UUID
    event_id: UUID
    event_type: EventType
    call_id: UUID | None
    state: core.DeliveryState
    attempt: int
    next_attempt_at: datetime | None
    created_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, delivery: core.Delivery) -> "Delivery":
        waits = delivery.state is core.DeliveryState.QUEUED
        return cls(
            id=delivery.id,
            webhook_id=delivery.destination_id,
            event_id=delivery.event.id,
            event_type=delivery.event.type,
            call_id=delivery.event.call_id,
            state=delivery.state,
            attempt=delivery.attempt,
            next_attempt_at=delivery.run_at if waits else None,
            created_at=delivery.created_at,
            finished_at=delivery.finished_at,
        )


class LoggedDelivery(msgspec.Struct, kw_only=True):
    """A delivery with every attempt that came to an end, oldest first."""

    delivery: Delivery
    attempts: list[Attempt]


class DeliveryPage(msgspec.Struct, kw_only=True):
    """Latest first. *next_cursor* goes into ``cursor`` of the next request; null on the last page."""

    items: list[Delivery]
    next_cursor: str | None

    @classmethod
    def of(cls, deliveries: Sequence[core.Delivery], limit: int) -> "DeliveryPage":
        last = str(deliveries[-1].id) if len(deliveries) == limit else None
        return cls(items=[Delivery.of(delivery) for delivery in deliveries], next_cursor=last)


class Replay(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The events that happened from *since* until before *until*; without them, those that were given up."""

    since: Moment | None = None
    until: Moment | None = None


class Release(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which held deliveries shall go: those of *ids*, or those that fit all of the rest. *agent*, *status* and times
    are those of the call."""

    ids: Annotated[list[UUID], msgspec.Meta(max_length=1000)] | None = None
    webhook_id: UUID | None = None
    agent: Annotated[str, msgspec.Meta(max_length=TEXT_LIMIT, pattern=SENTENCE)] | None = None
    status: CallStatus | None = None
    started_from: Moment | None = None
    started_until: Moment | None = None

    def wanted(self) -> core.DeliveryFilter:
        return core.DeliveryFilter(
            ids=None if self.ids is None else tuple(core.DeliveryId(key) for key in self.ids),
            destination_id=DestinationId(self.webhook_id) if self.webhook_id else None,
            state=core.DeliveryState.HELD,
            agent=self.agent,
            status=self.status,
            started_from=self.started_from,
            started_until=self.started_until,
        )


class Queued(msgspec.Struct, kw_only=True):
    """How many deliveries were queued."""

    deliveries: int
