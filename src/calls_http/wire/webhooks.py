"""Destinations and deliveries on the wire."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec

from calls_core import delivery as core
from calls_core.call import TEXT_LIMIT, CallStatus
from calls_core.events import DestinationId, EventType
from calls_core.form import TEMPLATE_LIMIT, FormRules
from calls_http.wire.calls import SENTENCE, URL_LIMIT, Moment, Reason

Types = Annotated[
    list[EventType], msgspec.Meta(extra_json_schema={"description": "None means all, also those of later releases."})
]
Description = Annotated[str, msgspec.Meta(max_length=core.DESCRIPTION_LIMIT)]


Address = Annotated[
    str,
    msgspec.Meta(
        extra_json_schema={
            "description": "An http or https URL, percent-encoded; of the kind amqp, an amqp or amqps URL, which may "
            "hold user and password.",
            "extra": {"pattern": "^(https?|amqps?)://[!-~]+$", "max_length": URL_LIMIT},
        }
    ),
]
Status = Annotated[int, msgspec.Meta(ge=100, le=599)]
Template = Annotated[str, msgspec.Meta(max_length=TEMPLATE_LIMIT)]


class Form(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A multipart/form-data POST. *fields* are templates such as ``{call.agent}`` or ``{recording.duration_sec}``, in
    which braces of their own are doubled; *file* names the part with the audio, null sends none. Accepted is an answer
    with one of *statuses* (none: any 2xx) in which *pattern* (RE2) is found."""

    fields: dict[str, Template] = {}
    file: str | None = "file"
    statuses: list[Status] = []
    pattern: str | None = None

    def rules(self) -> FormRules:
        return FormRules(fields=self.fields, file=self.file, statuses=tuple(self.statuses), pattern=self.pattern)

    @classmethod
    def of(cls, rules: FormRules | None) -> "Form | None":
        if rules is None:
            return None
        return cls(fields=dict(rules.fields), file=rules.file, statuses=list(rules.statuses), pattern=rules.pattern)


class NewWebhook(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Where events shall go. With *mode* ``by_hand``, deliveries are held until they are released."""

    url: Address
    kind: core.DestinationKind = core.DestinationKind.WEBHOOK
    mode: core.DeliveryMode = core.DeliveryMode.AUTOMATIC
    event_types: Types = []
    description: Description = ""
    enabled: bool = True
    form: Form | None = None

    def details(self) -> core.DestinationDetails:
        return core.DestinationDetails(
            url=self.url,
            kind=self.kind,
            mode=self.mode,
            event_types=tuple(self.event_types),
            description=self.description,
            enabled=self.enabled,
            form=self.form.rules() if self.form else None,
        )


class WebhookChanges(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What shall be otherwise; what is left out stays. Enabling makes a new start."""

    url: Address | msgspec.UnsetType = msgspec.UNSET
    mode: core.DeliveryMode | msgspec.UnsetType = msgspec.UNSET
    event_types: Types | msgspec.UnsetType = msgspec.UNSET
    description: Description | msgspec.UnsetType = msgspec.UNSET
    enabled: bool | msgspec.UnsetType = msgspec.UNSET
    form: Form | msgspec.UnsetType = msgspec.UNSET

    def applied(self, details: core.DestinationDetails) -> core.DestinationDetails:
        given: dict[str, Any] = {
            name: value for name, value in msgspec.structs.asdict(self).items() if value is not msgspec.UNSET
        }
        if "event_types" in given:
            given["event_types"] = tuple(given["event_types"])
        if "form" in given:
            given["form"] = given["form"].rules()
        return replace(details, **given)


class Webhook(msgspec.Struct, kw_only=True):
    """A destination. *secret* is shown only when it is new. *disabled_reason* tells why we have disabled it ourselves,
    *failing_since* when it began to fail."""

    id: UUID
    kind: core.DestinationKind
    url: str
    mode: core.DeliveryMode
    event_types: list[EventType]
    description: str
    enabled: bool
    form: Form | None
    disabled_reason: Reason | None
    failing_since: datetime | None
    created_at: datetime
    updated_at: datetime
    secret: str | msgspec.UnsetType = msgspec.UNSET

    @classmethod
    def of(cls, destination: core.Destination, *, with_secret: bool = False) -> "Webhook":
        details = destination.details
        return cls(
            id=destination.id,
            kind=details.kind,
            url=core.shown_url(details.url),
            mode=details.mode,
            event_types=list(details.event_types),
            description=details.description,
            enabled=details.enabled,
            form=Form.of(details.form),
            disabled_reason=Reason.of(destination.disabled),
            failing_since=destination.failing_since,
            created_at=destination.created_at,
            updated_at=destination.updated_at,
            secret=destination.secret if with_secret else msgspec.UNSET,
        )


class WebhookList(msgspec.Struct, kw_only=True):
    items: list[Webhook]


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
