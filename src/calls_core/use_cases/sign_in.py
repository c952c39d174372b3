"""Signing in, staying signed in, and signing out."""

import hashlib
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from calls_core.accounts import (
    IDLE_LIMIT,
    REFRESH_GRACE,
    Principal,
    Session,
    SessionId,
    User,
    normal_username,
)
from calls_core.audit import Action, Actor
from calls_core.errors import BadCredentials, Forbidden, NotSignedIn, TooManyAttempts
from calls_core.ports import Clock, NewId, Passwords, SignInLimits, Token, TokenKind, Tokens, Users
from calls_core.recording import CallId
from calls_core.use_cases.authenticate import Accounts, LiveSessions
from calls_core.use_cases.keep_audit import KeepAudit

ACCESS_LIFETIME: Final = timedelta(minutes=10)
MEDIA_LIFETIME: Final = timedelta(hours=1)
"""Long enough to listen to a call, for a player asks for one range after the other under the same address."""

PER_NAME: Final = (10, timedelta(minutes=5))
PER_ADDRESS: Final = (30, timedelta(minutes=1))

_UNKNOWN: Final = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """What a client goes on with. *access_token* goes into a header, *refresh_token* into a cookie."""

    user: User
    access_token: str
    access_expires_at: datetime
    refresh_token: str
    refresh_expires_at: datetime


@dataclass(frozen=True, slots=True)
class LimitAttempts:
    """Counts attempts by user name and by address in the database, so that one count holds for every replica.

    An attempt counts before its password is looked at, so that those sent at the same time count as well.
    """

    limits: SignInLimits

    async def __call__(self, username: str, address: str | None) -> None:
        """Count one attempt.

        Raises:
            TooManyAttempts: there were too many.
        """
        for key, (most, window) in ((_by_name(username), PER_NAME), (_by_address(address), PER_ADDRESS)):
            attempts, rest = await self.limits.count(key, window)
            if attempts > most:
                seconds = max(1, round(rest.total_seconds()))
                msg = f"too many attempts to sign in; try again in {seconds} seconds"
                raise TooManyAttempts(msg, retry_after=timedelta(seconds=seconds))

    async def forget(self, username: str) -> None:
        await self.limits.forget(_by_name(username))


@dataclass(frozen=True, slots=True)
class Tickets:
    """Makes the tokens of a session."""

    tokens: Tokens
    clock: Clock

    def signed_in(self, session: Session, user: User) -> SignedIn:
        expires_at = min(self.clock() + ACCESS_LIFETIME, session.ends_at)
        access = Token(kind=TokenKind.ACCESS, session_id=session.id, expires_at=expires_at)
        refresh = Token(
            kind=TokenKind.REFRESH,
            session_id=session.id,
            expires_at=session.ends_at,
            generation=session.generation,
        )
        return SignedIn(
            user=user,
            access_token=self.tokens.sign(access),
            access_expires_at=expires_at,
            refresh_token=self.tokens.sign(refresh),
            refresh_expires_at=session.ends_at,
        )

    def media(self, principal: Principal, call_id: CallId) -> tuple[str, datetime]:
        """Return a token that opens the audio of one call, and when it expires.

        Raises:
            Forbidden: *principal* has no session that it could end with.
        """
        if principal.session_id is None:
            raise Forbidden("media tokens are for people who are signed in; an API key can send its header")
        expires_at = self.clock() + MEDIA_LIFETIME
        token = Token(kind=TokenKind.MEDIA, session_id=principal.session_id, expires_at=expires_at, call_id=call_id)
        return self.tokens.sign(token), expires_at


@dataclass(frozen=True, slots=True)
class SignIn:
    """Begin a session."""

    accounts: Accounts
    users: Users
    passwords: Passwords
    attempts: LimitAttempts
    tickets: Tickets
    audit: KeepAudit
    clock: Clock
    new_id: NewId

    async def __call__(self, username: str, password: str, address: str | None) -> SignedIn:
        """Return the tokens of a new session.

        Raises:
            AccountsOff: there are no accounts.
            TooManyAttempts: there were too many attempts by this name or from this address.
            BadCredentials: name or password are wrong, or the user is disabled: which of them, nobody is told.
        """
        self.accounts.require()
        await self.attempts(username, address)
        name = normal_username(username)
        user = await self.users.by_name(name) if name else None
        matches = await self.passwords.matches(password, user.password_hash if user else None)
        if user is None or not matches or not user.enabled:
            # An unknown name is not written down: people type their password there.
            actor = Actor.of(user.principal(), address) if user else Actor(id=_UNKNOWN, address=address)
            await self.audit(Action.SIGN_IN_REFUSED, actor)
            raise BadCredentials("user name or password are wrong")
        now = self.clock()
        session = Session(id=SessionId(self.new_id()), user_id=user.id, generation=1, created_at=now, refreshed_at=now)
        await self.users.begin(session, now - IDLE_LIMIT)
        await self.attempts.forget(username)
        await self.audit(Action.SIGNED_IN, Actor.of(user.principal(), address))
        return self.tickets.signed_in(session, user)


@dataclass(frozen=True, slots=True)
class RefreshSession:
    """Exchange a refresh token for the next one. A spent one ends the session: one of its two holders has stolen it."""

    accounts: Accounts
    live: LiveSessions
    tokens: Tokens
    tickets: Tickets
    audit: KeepAudit
    clock: Clock

    async def __call__(self, refresh_token: str, address: str | None) -> SignedIn:
        """Return new tokens of the same session. For a few seconds a spent token is answered as it was before, so that
        two tabs may refresh at once and an answer may be lost.

        Raises:
            AccountsOff: there are no accounts.
            NotSignedIn: the token is not valid, or its session has ended, by this very request if it was spent.
        """
        self.accounts.require()
        token = self.tokens.read(refresh_token, TokenKind.REFRESH)
        session, user = await self.live(token.session_id)
        now = self.clock()
        if token.generation == session.generation:
            following = session.next(now)
            if await self.live.users.refresh(following):
                return self.tickets.signed_in(following, user)
            session, user = await self.live(token.session_id)
        is_recent = token.generation == session.generation - 1 and now - session.refreshed_at <= REFRESH_GRACE
        if is_recent:
            return self.tickets.signed_in(session, user)
        await self.live.users.end(session.id)
        await self.audit(Action.TOKEN_REUSED, Actor.of(user.principal(), address))
        raise NotSignedIn("this refresh token was used before, so its session has been ended; sign in again")


@dataclass(frozen=True, slots=True)
class SignOut:
    """End a session at once, with every token of it."""

    users: Users
    tokens: Tokens
    audit: KeepAudit

    async def __call__(self, tokens: Sequence[tuple[TokenKind, str]], address: str | None) -> None:
        """End the sessions of *tokens*; one that is not valid has nothing left to end."""
        for kind, text in tokens:
            try:
                session_id = self.tokens.read(text, kind).session_id
            except NotSignedIn:
                continue
            found = await self.users.session(session_id)
            if found is not None:
                await self.users.end(session_id)
                await self.audit(Action.SIGNED_OUT, Actor.of(found[1].principal(), address))


def _by_name(username: str) -> str:
    """What is typed there may be a password, so it is not stored as it is."""
    name = normal_username(username) or username
    return f"name:{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _by_address(address: str | None) -> str:
    """Of IPv6, everybody has 64 bits to choose an address from."""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return f"address:{address}"
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is None:
        return f"address:{ipaddress.ip_network((parsed, 64), strict=False)}"
    return f"address:{parsed}"
