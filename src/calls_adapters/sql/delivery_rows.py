"""Between destinations or deliveries and their rows: two functions for each."""

from typing import Any

import msgspec
from sqlalchemy import RowMapping

from calls_adapters.sql.rows import as_json, reason_from, storable
from calls_core.delivery import Attempt, Delivery, DeliveryClaim, DeliveryId, DeliveryState
from calls_core.destination import DeliveryMode, Destination, DestinationDetails, DestinationKind
from calls_core.events import DestinationId, Event, EventId, EventType
from calls_core.form import FormRules
from calls_core.recording import CallId


def destination_row(destination: Destination) -> dict[str, Any]:
    details, disabled = destination.details, destination.disabled
    return {
        "id": destination.id,
        "kind": details.kind.value,
        "url": details.url,
        "mode": details.mode.value,
        "event_types": as_json(details.event_types),
        "description": details.description,
        "enabled": details.enabled,
        "form": as_json(details.form) if details.form else None,
        "secret": destination.secret,
        "old_secret": destination.old_secret,
        "old_secret_until": destination.old_secret_until,
        "disabled_code": disabled.code if disabled else None,
        "disabled_detail": disabled.detail if disabled else None,
        "failing_since": destination.failing_since,
        "created_at": destination.created_at,
        "updated_at": destination.updated_at,
    }


def destination_from(row: RowMapping) -> Destination:
    return Destination(
        id=DestinationId(row["id"]),
        details=DestinationDetails(
            kind=DestinationKind(row["kind"]),
            url=row["url"],
            mode=DeliveryMode(row["mode"]),
            event_types=tuple(map(EventType, msgspec.json.decode(row["event_types"]))),
            description=row["description"],
            enabled=row["enabled"],
            form=msgspec.json.decode(row["form"], type=FormRules) if row["form"] else None,
        ),
        secret=row["secret"],
        old_secret=row["old_secret"],
        old_secret_until=row["old_secret_until"],
        disabled=reason_from(row["disabled_code"], row["disabled_detail"]),
        failing_since=row["failing_since"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def delivery_from(row: RowMapping) -> Delivery:
    event = Event(
        id=EventId(row["event_id"]),
        type=EventType(row["type"]),
        call_id=CallId(row["call_id"]) if row["call_id"] else None,
        occurred_at=row["occurred_at"],
        destination_id=DestinationId(row["about_id"]) if row["about_id"] else None,
    )
    return Delivery(
        id=DeliveryId(row["id"]),
        destination_id=DestinationId(row["destination_id"]),
        event=event,
        state=DeliveryState(row["state"]),
        attempt=row["attempt"],
        run_at=row["run_at"],
        created_at=row["created_at"],
        finished_at=row["finished_at"],
    )


def attempt_row(claim: DeliveryClaim, attempt: Attempt) -> dict[str, Any]:
    return {
        "delivery_id": claim.delivery.id,
        "token": claim.token,
        "at": attempt.at,
        "duration_ms": attempt.duration_ms,
        "status": attempt.status,
        "error_code": attempt.error.code if attempt.error else None,
        "error_detail": storable(attempt.error.detail) if attempt.error else None,
        "head": storable(attempt.head),
    }


def attempt_from(row: RowMapping) -> Attempt:
    return Attempt(
        at=row["at"],
        duration_ms=row["duration_ms"],
        status=row["status"],
        error=reason_from(row["error_code"], row["error_detail"]),
        head=row["head"],
    )
