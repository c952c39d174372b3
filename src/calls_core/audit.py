"""Who did what: entries that are added and never changed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from calls_core.accounts import Principal
from calls_core.recording import CallId


class Action(StrEnum):
    SIGNED_IN = "auth.signed_in"
    SIGN_IN_REFUSED = "auth.sign_in_refused"
    SIGNED_OUT = "auth.signed_out"
    TOKEN_REUSED = "auth.token_reused"  # noqa: S105 (not a password)
    PASSWORD_CHANGED = "auth.password_changed"  # noqa: S105 (as above)
    USER_ADDED = "user.added"
    USER_CHANGED = "user.changed"
    USER_REMOVED = "user.removed"
    KEY_ADDED = "api_key.added"
    KEY_REMOVED = "api_key.removed"
    LISTENED = "recording.listened"
    DOWNLOADED = "recording.downloaded"
    EXPORTED = "calls.exported"
    EXPORT_DOWNLOADED = "export.downloaded"
    TRANSCRIPT_READ = "transcript.read"
    HELD = "call.held"
    HOLD_LIFTED = "call.hold_lifted"
    AUDIO_EXPIRED = "recording.audio_expired"
    TRANSCRIPT_EXPIRED = "recording.transcript_expired"
    ERASURE_ORDERED = "number.erasure_ordered"
    WEBHOOK_ADDED = "webhook.added"
    WEBHOOK_CHANGED = "webhook.changed"
    WEBHOOK_REMOVED = "webhook.removed"
    WEBHOOK_SECRET_ROTATED = "webhook.secret_rotated"  # noqa: S105 (not a password)
    WEBHOOK_REPLAYED = "webhook.replayed"
    DELIVERY_REPLAYED = "delivery.replayed"
    DELIVERIES_RELEASED = "deliveries.released"
    CALL_DELETED = "call.deleted"
    """Written by the repository, in the transaction that erases the call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts: the id of a principal and, where it came over the network, the address that it came from."""

    id: str
    name: str = ""
    address: str | None = None

    @classmethod
    def of(cls, principal: Principal, address: str | None = None) -> "Actor":
        return cls(id=principal.id, name=principal.name, address=address)


SYSTEM: Final = Actor(id="system", name="system")
"""The service itself, as a script that uses it as a library."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """*id* is a UUID of version 7: later entries sort after earlier ones. *action* is that of another release, too."""

    id: UUID
    at: datetime
    action: str
    actor: Actor
    call_id: CallId | None = None
    details: Mapping[str, str | bool] = field(default_factory=dict)

    @classmethod
    def of_erasure(
        cls, event_id: UUID, at: datetime, actor: Actor, call_id: CallId, *, had_recording: bool
    ) -> "AuditEntry":
        """Return the receipt of a call that *actor* erased; it shares its id with the event that tells of it."""
        details = {"recording": had_recording}
        return cls(id=event_id, at=at, action=Action.CALL_DELETED, actor=actor, call_id=call_id, details=details)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    action: str | None = None
    actor: str | None = None
    call_id: CallId | None = None


AUDIT_PAGE_LIMIT: Final = 200
