"""Destinations on the wire."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec

from calls_core import destination as core
from calls_core.events import EventType
from calls_core.form import TEMPLATE_LIMIT, FormRules
from calls_http.wire.calls import URL_LIMIT, Reason

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
