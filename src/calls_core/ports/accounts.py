"""Users, sessions and API keys at rest, and what proves who somebody is."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from calls_core.accounts import ApiKey, ApiKeyId, Session, SessionId, User, UserId
from calls_core.audit import AuditEntry, AuditFilter
from calls_core.recording import CallId


class Users(Protocol):
    """Users and their sessions. Each method is one transaction; any may raise ``RepositoryUnavailable``."""

    @abstractmethod
    async def add(self, user: User) -> None:
        """Store a new user.

        Raises:
            UsernameTaken: another user has this name.
        """

    @abstractmethod
    async def add_first(self, user: User) -> bool:
        """Store *user* if there are no users at all; tell whether it was stored."""

    @abstractmethod
    async def get(self, user_id: UserId) -> User:
        """Return one user.

        Raises:
            UserNotFound: no such user.
        """

    @abstractmethod
    async def by_name(self, username: str) -> User | None:
        """Return the user of this name in its normal form."""

    @abstractmethod
    async def all(self) -> Sequence[User]:
        """Return every user by name."""

    @abstractmethod
    async def save(self, user: User, *, end_sessions: bool) -> None:
        """Replace a user, and end all sessions of it if that is asked for.

        Raises:
            UserNotFound: no such user.
            LastAdmin: no enabled admin would be left.
        """

    @abstractmethod
    async def remove(self, user_id: UserId) -> None:
        """Remove a user with all sessions; raises as ``save`` does."""

    @abstractmethod
    async def begin(self, session: Session, ended_before: datetime) -> None:
        """Store a new session; forget those of the same user that were last refreshed before *ended_before*.

        Raises:
            UserNotFound: the user is gone.
        """

    @abstractmethod
    async def session(self, session_id: SessionId) -> tuple[Session, User] | None:
        """Return a session with its user, None if it has been ended."""

    @abstractmethod
    async def refresh(self, session: Session) -> bool:
        """Replace a session by its next generation; tell whether that of one less was stored until now."""

    @abstractmethod
    async def end(self, session_id: SessionId) -> None:
        """End a session, if it has not been ended."""


class ApiKeys(Protocol):
    """API keys at rest. Any method may raise ``RepositoryUnavailable``."""

    @abstractmethod
    async def add(self, key: ApiKey) -> None:
        """Store a new key."""

    @abstractmethod
    async def by_secret(self, secret_sha256: str) -> ApiKey | None:
        """Return the key of which the secret has this SHA-256."""

    @abstractmethod
    async def all(self) -> Sequence[ApiKey]:
        """Return every key, oldest first."""

    @abstractmethod
    async def used(self, key_id: ApiKeyId, at: datetime) -> None:
        """Note when a key was used; one that is gone stays so."""

    @abstractmethod
    async def remove(self, key_id: ApiKeyId) -> None:
        """Remove a key.

        Raises:
            ApiKeyNotFound: no such key.
        """


class AuditLog(Protocol):
    """Entries are added and read; nothing changes or removes one. Any method may raise ``RepositoryUnavailable``."""

    @abstractmethod
    async def record(self, entry: AuditEntry) -> None:
        """Add one entry, durable when this returns."""

    @abstractmethod
    async def page(self, wanted: AuditFilter, limit: int, before: UUID | None = None) -> Sequence[AuditEntry]:
        """Return the latest entries that fit, latest first, of those that are older than *before*."""


class SignInLimits(Protocol):
    """Counts attempts to sign in. Any method may raise ``RepositoryUnavailable``."""

    @abstractmethod
    async def count(self, key: str, window: timedelta) -> tuple[int, timedelta]:
        """Count one more attempt under *key*; return how many that makes, and when they will be forgotten.

        The first attempt opens the window; when it has passed, counting begins anew. Of attempts at the same time,
        each returns another number.
        """

    @abstractmethod
    async def forget(self, key: str) -> None:
        """Begin to count anew under *key*."""


class Passwords(Protocol):
    """Keeps passwords so that whoever steals the database cannot read them."""

    @abstractmethod
    async def hash(self, password: str) -> str:
        """Return what to store instead of *password*, different every time."""

    @abstractmethod
    async def matches(self, password: str, stored: str | None) -> bool:
        """Tell whether *stored* was made from *password*; for None it is not, which takes as long to find out."""


class TokenKind(StrEnum):
    ACCESS = "access"
    REFRESH = "refresh"
    MEDIA = "media"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What a signed token says. Whether its session still lives, it cannot know."""

    kind: TokenKind
    session_id: SessionId
    expires_at: datetime
    generation: int | None = None
    call_id: CallId | None = None


class Tokens(Protocol):
    """Signs and reads tokens."""

    @abstractmethod
    def sign(self, token: Token) -> str:
        """Return *token* as text that fits into a header, a cookie and a URL."""

    @abstractmethod
    def read(self, text: str, kind: TokenKind) -> Token:
        """Return what ``sign`` was given.

        Raises:
            NotSignedIn: it was not signed by us, is of another kind, or has expired.
        """
