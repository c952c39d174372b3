"""Deliveries: events on their way to destinations."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NewType
from uuid import UUID

from calls_core.call import CallStatus
from calls_core.errors import Reason
from calls_core.events import DestinationId, Event

DeliveryId = NewType("DeliveryId", UUID)

HEAD_LIMIT: Final = 1024
"""How much of an answer is kept, in bytes."""


class DeliveryState(StrEnum):
    HELD = "held"
    QUEUED = "queued"
    RUNNING = "running"
    DELIVERED = "delivered"
    EXHAUSTED = "exhausted"


WAITING: Final = frozenset({DeliveryState.HELD, DeliveryState.QUEUED, DeliveryState.RUNNING})
"""The states in which the event must still go there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event on its way to one destination. *attempt* counts since it was last released or replayed."""

    id: DeliveryId
    destination_id: DestinationId
    event: Event
    state: DeliveryState
    attempt: int
    run_at: datetime
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What came of one attempt. *status* is None when there was no answer; *head* is the beginning of its body."""

    at: datetime
    duration_ms: int
    status: int | None = None
    error: Reason | None = None
    head: str = ""
    retry_after: timedelta | None = None

    @property
    def is_accepted(self) -> bool:
        return self.error is None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryClaim:
    """A notifier's lease on a delivery, as for jobs. *body* is the event's."""

    delivery: Delivery
    body: bytes
    token: int
    worker: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What becomes of a delivery after an attempt: with state queued, it is due again after *delay*. *disables* tells
    that the destination shall be sent nothing more until somebody enables it, and is told as *event*."""

    state: DeliveryState
    delay: timedelta = timedelta(0)
    disables: Reason | None = None
    event: Event | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFilter:
    """Deliveries that fit all that is given. *agent*, *status* and *started* are those of the call,
    *happened* is the time of the event; each ends before its *until*."""

    ids: tuple[DeliveryId, ...] | None = None
    destination_id: DestinationId | None = None
    state: DeliveryState | None = None
    call_id: UUID | None = None
    agent: str | None = None
    status: CallStatus | None = None
    started_from: datetime | None = None
    started_until: datetime | None = None
    happened_from: datetime | None = None
    happened_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class RetryPlan:
    """When a failed delivery is tried again: the schedule that Standard Webhooks gives as its example.

    *scale* multiplies every pause of ours, for trials and tests; what a receiver asks for is not scaled.
    """

    scale: float = 1.0
    pauses: Sequence[timedelta] = (
        timedelta(seconds=5),
        timedelta(minutes=5),
        timedelta(minutes=30),
        *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
    )

    @property
    def max_attempts(self) -> int:
        return len(self.pauses) + 1

    @property
    def disable_after(self) -> timedelta:
        """How long a destination may fail without a break."""
        return timedelta(days=5) * self.scale

    def pause(self, attempt: int, retry_after: timedelta | None) -> timedelta | None:
        """Return how long to wait after the failed *attempt*, counted from 1; None after the last."""
        if attempt >= self.max_attempts:
            return None
        planned = self.pauses[attempt - 1] * self.scale * random.uniform(0.8, 1.2)  # noqa: S311 (spreads load)
        return max(planned, min(retry_after or timedelta(0), self.pauses[-1]))
