"""Destinations, which are told of events."""

import base64
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from calls_core.errors import FieldError, InvalidDestination, Reason
from calls_core.events import DestinationId, EventType
from calls_core.form import FormRules

URL_LIMIT: Final = 2048
DESCRIPTION_LIMIT: Final = 500
SECRET_BYTES: Final = 32
BOTH_SECRETS_FOR: Final = timedelta(hours=24)
MASK: Final = "***"
"""Stands for a password wherever a URL is shown."""

ABOUT_ITSELF: Final = EventType.WEBHOOK_TEST
"""The one type that is never in the feed: it is sent to a destination on demand."""


class DestinationKind(StrEnum):
    """*form*: a multipart POST of the audio with fields; *amqp*: a topic exchange of RabbitMQ."""

    WEBHOOK = "webhook"
    FORM = "form"
    AMQP = "amqp"


_SCHEMES: Final = {
    DestinationKind.WEBHOOK: ("http", "https"),
    DestinationKind.FORM: ("http", "https"),
    DestinationKind.AMQP: ("amqp", "amqps"),
}


class DeliveryMode(StrEnum):
    """*by_hand*: deliveries are held until somebody releases them."""

    AUTOMATIC = "automatic"
    BY_HAND = "by_hand"


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationDetails:
    """What an operator says of a destination. No *event_types* means all of them."""

    url: str
    kind: DestinationKind = DestinationKind.WEBHOOK
    mode: DeliveryMode = DeliveryMode.AUTOMATIC
    event_types: tuple[EventType, ...] = ()
    description: str = ""
    enabled: bool = True
    form: FormRules | None = None

    def unmasked(self, before: "DestinationDetails") -> "DestinationDetails":
        """Return the details with the URL of *before*, if it is as that one is shown: whoever sends back what they were
        shown does not mean the mask to be the password."""
        return replace(self, url=before.url) if self.url.strip() == shown_url(before.url) else self

    def checked(self) -> "DestinationDetails":
        """Return the details, trimmed. Where the URL leads is judged when it is dialled, not here.

        Raises:
            InvalidDestination: with one entry for every field that is wrong.
        """
        url, description = self.url.strip(), self.description.strip()
        errors = [FieldError("/url", why) for why in _url_faults(url, _SCHEMES[self.kind])]
        if len(description) > DESCRIPTION_LIMIT or not description.isprintable():
            errors.append(FieldError("/description", f"must be one line of at most {DESCRIPTION_LIMIT} characters"))
        if ABOUT_ITSELF in self.event_types:
            errors.append(FieldError("/event_types", f"{ABOUT_ITSELF} is sent on demand only"))
        if (self.form is None) == (self.kind is DestinationKind.FORM):
            errors.append(FieldError("/form", "goes with the kind form, and the kind form with it"))
        errors += self.form.faults() if self.form else ()
        if errors:
            raise InvalidDestination("; ".join(f"{e.pointer[1:]}: {e.detail}" for e in errors), errors)
        types = tuple(dict.fromkeys(self.event_types))
        return replace(self, url=url, description=description, event_types=types)


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where events go. Both secrets sign until *old_secret_until*. *disabled* tells why we have disabled it ourselves;
    *failing_since* is when it began to fail, None when its last answer was a good one."""

    id: DestinationId
    details: DestinationDetails
    secret: str
    created_at: datetime
    updated_at: datetime
    old_secret: str | None = None
    old_secret_until: datetime | None = None
    disabled: Reason | None = None
    failing_since: datetime | None = None

    def wants(self, kind: EventType) -> bool:
        return self.details.enabled and (not self.details.event_types or kind in self.details.event_types)

    def changed(self, details: DestinationDetails, now: datetime) -> "Destination":
        """Return it with other details; enabling it makes a new start."""
        fresh = replace(self, details=details, updated_at=now)
        if details.enabled and not self.details.enabled:
            fresh = replace(fresh, disabled=None, failing_since=None)
        return fresh

    def rotated(self, now: datetime) -> "Destination":
        """Return it with a new secret, beside which the old one signs for a day."""
        until = now + BOTH_SECRETS_FOR
        return replace(self, secret=new_secret(), old_secret=self.secret, old_secret_until=until, updated_at=now)

    def secrets(self, now: datetime) -> tuple[str, ...]:
        """Return the secrets that sign at the moment, the newest first."""
        if self.old_secret and self.old_secret_until and now < self.old_secret_until:
            return (self.secret, self.old_secret)
        return (self.secret,)


def new_secret() -> str:
    """Return a new secret as Standard Webhooks writes it: ``whsec_`` and base64."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def shown_url(url: str) -> str:
    """Return *url* as everybody may see it: without a password."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    return parts._replace(netloc=f"{parts.username}:{MASK}@{parts.netloc.rpartition('@')[2]}").geturl()


def _url_faults(url: str, schemes: Sequence[str]) -> list[str]:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return ["is not a URL"]
    if parts.scheme not in schemes or not host:
        return [f"must begin with {' or '.join(f'{scheme}://' for scheme in schemes)} and a host"]
    if parts.scheme.startswith("http") and (parts.username is not None or parts.password is not None):
        return ["must not hold a user name or a password"]
    if parts.password == MASK:
        return [f"must hold the password itself, not {MASK}, since it leads elsewhere than before"]
    if len(url) > URL_LIMIT or not all("!" <= character <= "~" for character in url):
        return [f"must have at most {URL_LIMIT} characters, percent-encoded"]
    return []
