"""Accounts on the wire."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec

from calls_core import accounts as core
from calls_core.accounts import NAME_LIMIT, PASSWORD_LIMIT, PASSWORD_MIN, Role, Scope
from calls_core.audit import AuditEntry
from calls_core.use_cases import sign_in

Username = Annotated[str, msgspec.Meta(pattern=rf"^[A-Za-z0-9_.@+-]{{1,{NAME_LIMIT}}}$")]
Password = Annotated[str, msgspec.Meta(min_length=PASSWORD_MIN, max_length=PASSWORD_LIMIT)]
Typed = Annotated[str, msgspec.Meta(max_length=PASSWORD_LIMIT)]
KeyName = Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_LIMIT)]
_MOMENT: Final = msgspec.Meta(extra_json_schema={"extra": {"format": "date-time"}}, tz=True)


class Login(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    username: Typed
    password: Typed


class AccessToken(msgspec.Struct, kw_only=True):
    """*expires_in* is in seconds, as OAuth 2 has it."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 (not a password)
    expires_in: int

    @classmethod
    def of(cls, signed_in: sign_in.SignedIn, now: datetime) -> "AccessToken":
        lifetime = signed_in.access_expires_at - now
        return cls(access_token=signed_in.access_token, expires_in=round(lifetime.total_seconds()))


class Me(msgspec.Struct, kw_only=True):
    """*accounts* is false where nobody needs to sign in; everybody has all rights then."""

    id: str
    name: str
    role: Role | None
    scopes: list[Scope]
    accounts: bool

    @classmethod
    def of(cls, principal: core.Principal, *, accounts: bool) -> "Me":
        return cls(
            id=principal.id,
            name=principal.name,
            role=principal.role,
            scopes=sorted(principal.scopes),
            accounts=accounts,
        )


class NewPassword(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    old_password: Typed
    new_password: Password


class MediaTokenRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What the token shall open: the recording of a call, or the archive of an export; one of the two."""

    call_id: UUID | None = None
    export_id: UUID | None = None


class MediaToken(msgspec.Struct, kw_only=True):
    token: str
    expires_at: datetime


class NewUser(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    username: Username
    password: Password
    role: Role


class UserChange(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    role: Role | None = None
    enabled: bool | None = None
    password: Password | None = None


class User(msgspec.Struct, kw_only=True):
    id: UUID
    username: str
    role: Role
    enabled: bool
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, user: core.User) -> "User":
        return cls(
            id=user.id,
            username=user.username,
            role=user.role,
            enabled=user.enabled,
            created_at=user.created_at,
            updated_at=user.updated_at,
        )


class UserList(msgspec.Struct, kw_only=True):
    items: list[User]


class NewApiKey(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    name: KeyName
    scopes: Annotated[list[Scope], msgspec.Meta(min_length=1)]
    expires_at: Annotated[datetime, _MOMENT] | None = None


class ApiKey(msgspec.Struct, kw_only=True):
    """*hint* is how the key begins. *last_used_at* may lag behind by some minutes."""

    id: UUID
    name: str
    hint: str
    scopes: list[Scope]
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None

    @classmethod
    def of(cls, key: core.ApiKey) -> "ApiKey":
        return cls(**_fields(key))


class ShownApiKey(ApiKey, kw_only=True):
    """*key* is shown this once."""

    key: str

    @classmethod
    def with_secret(cls, key: core.ApiKey, secret: str) -> "ShownApiKey":
        return cls(**_fields(key), key=secret)


class ApiKeyList(msgspec.Struct, kw_only=True):
    items: list[ApiKey]


class Entry(msgspec.Struct, kw_only=True):
    """*actor* is ``user:<id>``, ``key:<id>``, ``anonymous``, ``cli`` or ``system``."""

    id: UUID
    at: datetime
    action: str
    actor: str
    actor_name: str
    ip: str | None
    call_id: UUID | None
    details: dict[str, str | bool]

    @classmethod
    def of(cls, entry: AuditEntry) -> "Entry":
        return cls(
            id=entry.id,
            at=entry.at,
            action=entry.action,
            actor=entry.actor.id,
            actor_name=entry.actor.name,
            ip=entry.actor.address,
            call_id=entry.call_id,
            details=dict(entry.details),
        )


class AuditPage(msgspec.Struct, kw_only=True):
    items: list[Entry]
    next_cursor: str | None


def _fields(key: core.ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "hint": key.hint,
        "scopes": sorted(key.scopes),
        "created_by": key.created_by,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "last_used_at": key.last_used_at,
    }
