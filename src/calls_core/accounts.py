"""Who may do what: users with roles, API keys with scopes, and sessions that can be ended at once."""

import hashlib
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NewType
from uuid import UUID

from calls_core.errors import FieldError, InvalidAccount

UserId = NewType("UserId", UUID)
SessionId = NewType("SessionId", UUID)
ApiKeyId = NewType("ApiKeyId", UUID)

NAME_LIMIT: Final = 64
PASSWORD_MIN: Final = 10
PASSWORD_LIMIT: Final = 1024
KEY_PREFIX: Final = "calls_"

IDLE_LIMIT: Final = timedelta(days=14)
SESSION_LIMIT: Final = timedelta(days=30)
REFRESH_GRACE: Final = timedelta(seconds=10)
"""How long a spent refresh token is still answered: two tabs may refresh at once, and an answer may be lost."""

_USERNAME: Final = re.compile(rf"[a-z0-9_.@+-]{{1,{NAME_LIMIT}}}")


class Role(StrEnum):
    """What a person may do. An operator may do all that a viewer may, an admin all that an operator may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"


class Scope(StrEnum):
    """What a machine may do with an API key."""

    CALLS_WRITE = "calls:write"
    CALLS_READ = "calls:read"
    EVENTS_READ = "events:read"
    METRICS_READ = "metrics:read"
    ORIGINALS_READ = "originals:read"
    """With ``calls:read``: also what is not redacted."""


_RANKS: Final = tuple(Role)


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Whoever sends a request. *id* is stable, and different for every user and every key."""

    id: str
    name: str
    role: Role | None = None
    scopes: frozenset[Scope] = frozenset()
    session_id: SessionId | None = None
    user_id: UserId | None = None

    def may(self, allowed: Collection[str]) -> bool:
        """Whether one of the *allowed* roles and scopes is ours; a role stands for those above it, too."""
        ours = _RANKS[: _RANKS.index(self.role) + 1] if self.role else ()
        return any(grant in allowed for grant in (*ours, *self.scopes))


ANYBODY: Final = Principal(id="anonymous", name="anonymous", role=Role.ADMIN)
"""Everybody, where there are no accounts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person. *username* is in its normal form, so that no two look alike."""

    id: UserId
    username: str
    password_hash: str
    role: Role
    enabled: bool
    created_at: datetime
    updated_at: datetime

    def principal(self, session_id: SessionId | None = None) -> Principal:
        return Principal(
            id=f"user:{self.id}", name=self.username, role=self.role, session_id=session_id, user_id=self.id
        )

    @property
    def is_acting_admin(self) -> bool:
        return self.enabled and self.role is Role.ADMIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One sign-in of a user, with all refresh tokens that follow from it: only that of *generation* is not spent."""

    id: SessionId
    user_id: UserId
    generation: int
    created_at: datetime
    refreshed_at: datetime

    @property
    def ends_at(self) -> datetime:
        return min(self.refreshed_at + IDLE_LIMIT, self.created_at + SESSION_LIMIT)

    def next(self, now: datetime) -> "Session":
        return replace(self, generation=self.generation + 1, refreshed_at=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A machine's way in. Of the secret we keep its SHA-256, which is enough for 256 random bits, and a *hint*."""

    id: ApiKeyId
    name: str
    hint: str
    secret_sha256: str
    scopes: frozenset[Scope]
    created_by: str
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None

    def principal(self) -> Principal:
        return Principal(id=f"key:{self.id}", name=self.name, scopes=self.scopes)

    def is_valid(self, now: datetime) -> bool:
        return self.expires_at is None or now < self.expires_at


def new_secret() -> str:
    """Return a new API key: 256 random bits behind a prefix by which scanners of leaked secrets know it."""
    return KEY_PREFIX + secrets.token_urlsafe(32)


def fingerprint(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def normal_username(text: str) -> str | None:
    """Return the form in which user names are kept and compared, None for what cannot be one.

    Only ASCII, because two names of other scripts can look the same.
    """
    name = text.lower()
    return name if _USERNAME.fullmatch(name) else None


def checked_username(text: str) -> str:
    """Return *text* in its normal form.

    Raises:
        InvalidAccount: it cannot be a user name.
    """
    name = normal_username(text)
    if name is None:
        raise _invalid("username", f"must be 1 to {NAME_LIMIT} Latin letters, digits and . _ - + @")
    return name


def checked_password(text: str, username: str, field: str = "password") -> str:
    """Return *text*, which shall be the password of *username*; *field* is where it was given.

    Raises:
        InvalidAccount: it is too short, too long, or the name again.
    """
    if not PASSWORD_MIN <= len(text) <= PASSWORD_LIMIT:
        raise _invalid(field, f"must have {PASSWORD_MIN} to {PASSWORD_LIMIT} characters")
    if normal_username(text) == username or len(set(text)) < 3:  # noqa: PLR2004 (abababababab)
        raise _invalid(field, "must not be the user name, nor one or two characters over and over")
    return text


def checked_label(text: str) -> str:
    """Return the name of an API key without spaces around it.

    Raises:
        InvalidAccount: it is empty, too long, or not printable.
    """
    name = text.strip()
    if not 1 <= len(name) <= NAME_LIMIT or not name.isprintable():
        raise _invalid("name", f"must be 1 to {NAME_LIMIT} printable characters")
    return name


def _invalid(field: str, why: str) -> InvalidAccount:
    return InvalidAccount(f"{field}: {why}", [FieldError(f"/{field}", why)])
