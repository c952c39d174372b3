"""Who sends a request."""

import hmac
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from calls_core.accounts import ANYBODY, KEY_PREFIX, ApiKey, Principal, Session, SessionId, User, fingerprint
from calls_core.errors import AccountsOff, NotSignedIn
from calls_core.ports import ApiKeys, Clock, TokenKind, Tokens, Users
from calls_core.recording import CallId

NOTED_AGAIN_AFTER: Final = timedelta(minutes=5)
"""When a key was last used is for people: writing it down at every request would double the work of the database."""


@dataclass(frozen=True, slots=True)
class Accounts:
    """Whether this installation has accounts."""

    enabled: bool

    def require(self) -> None:
        """Return if there are accounts.

        Raises:
            AccountsOff: there are none.
        """
        if not self.enabled:
            raise AccountsOff("this installation has no accounts: nobody needs to sign in; see AUTH_ENABLED")


@dataclass(frozen=True, slots=True)
class LiveSessions:
    """Finds sessions that have neither been ended nor run out."""

    users: Users
    clock: Clock

    async def __call__(self, session_id: SessionId) -> tuple[Session, User]:
        """Return the session and its user, as both are now.

        Raises:
            NotSignedIn: it has ended, or the user may not come in any more.
        """
        found = await self.users.session(session_id)
        if found is None or self.clock() >= found[0].ends_at or not found[1].enabled:
            raise NotSignedIn("this session has ended; sign in again")
        return found


@dataclass(frozen=True, slots=True)
class Authenticate:
    """Tell who holds a credential. Every request asks the database, so that whatever ends a session or a key, or
    changes a role, counts from the next request on."""

    accounts: Accounts
    live: LiveSessions
    keys: ApiKeys
    tokens: Tokens
    clock: Clock

    async def __call__(self, credential: str | None) -> Principal:
        """Return who holds *credential*: an access token or an API key.

        Raises:
            NotSignedIn: nobody does.
        """
        if not self.accounts.enabled:
            return ANYBODY
        if credential is None:
            raise NotSignedIn("send an access token or an API key, as Authorization: Bearer ...")
        if credential.startswith(KEY_PREFIX):
            return (await self._key(credential)).principal()
        token = self.tokens.read(credential, TokenKind.ACCESS)
        _, user = await self.live(token.session_id)
        return user.principal(token.session_id)

    async def media(self, credential: str, call_id: CallId) -> Principal:
        """Return who holds *credential*, a media token for the call or export *call_id*; raise as ``__call__`` does."""
        if not self.accounts.enabled:
            return ANYBODY
        token = self.tokens.read(credential, TokenKind.MEDIA)
        if token.call_id != call_id:
            raise NotSignedIn("this media token is for something else; get one from POST /auth/media-token")
        _, user = await self.live(token.session_id)
        return user.principal(token.session_id)

    async def _key(self, secret: str) -> ApiKey:
        sha256, now = fingerprint(secret), self.clock()
        key = await self.keys.by_secret(sha256)
        if key is None or not hmac.compare_digest(key.secret_sha256, sha256) or not key.is_valid(now):
            raise NotSignedIn("there is no such API key; it may have been removed, or has expired")
        if key.last_used_at is None or now - key.last_used_at >= NOTED_AGAIN_AFTER:
            await self.keys.used(key.id, now)
        return key
