"""Refresh tokens, whatever order two holders of them use them in."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from calls_adapters.memory import MemoryAuditLog, MemoryDatabase, MemoryUsers
from calls_adapters.security.tokens import JwtTokens
from calls_core.accounts import IDLE_LIMIT, REFRESH_GRACE, SESSION_LIMIT, Role, Session, SessionId, User, UserId
from calls_core.errors import NotSignedIn
from calls_core.use_cases.authenticate import Accounts, LiveSessions
from calls_core.use_cases.keep_audit import KeepAudit
from calls_core.use_cases.sign_in import RefreshSession, Tickets

START: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Refreshing(RuleBasedStateMachine):
    """Against a model of one number: the latest generation, and when it was made; None when the session has ended."""

    tokens = Bundle("tokens")

    @initialize(target=tokens)
    def sign_in(self) -> tuple[int, str, datetime]:
        self.now = START
        self.database = MemoryDatabase()
        users = MemoryUsers(self.database)
        user = User(
            id=UserId(uuid4()),
            username="anna",
            password_hash="",
            role=Role.VIEWER,
            enabled=True,
            created_at=START,
            updated_at=START,
        )
        session = Session(id=SessionId(uuid4()), user_id=user.id, generation=1, created_at=START, refreshed_at=START)
        asyncio.run(users.add(user))
        asyncio.run(users.begin(session, START))
        signer = JwtTokens(b"x" * 32, self.clock)
        tickets = Tickets(signer, self.clock)
        audit = KeepAudit(MemoryAuditLog(self.database), self.clock, uuid4)
        live = LiveSessions(users, self.clock)
        self.refresh = RefreshSession(Accounts(enabled=True), live, signer, tickets, audit, self.clock)
        self.latest: int | None = 1
        self.made_at = START
        return 1, tickets.signed_in(session, user).refresh_token, session.ends_at

    def clock(self) -> datetime:
        return self.now

    # Whole seconds, as tokens count them.
    @rule(seconds=st.sampled_from([1, 5, 10, 11, 3600, 5 * 86400, 14 * 86400 - 1, 14 * 86400]))
    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(target=tokens, held=tokens)
    def use(self, held: tuple[int, str, datetime]) -> Any:
        generation, token, expires_at = held
        has_run_out = self.now >= min(self.made_at + IDLE_LIMIT, START + SESSION_LIMIT)
        # A token that has run out by its own date tells nothing about who holds it.
        if self.latest is None or has_run_out or self.now >= expires_at:
            self.refused(token)
            return multiple()
        if generation == self.latest:
            self.latest, self.made_at = generation + 1, self.now
        elif generation < self.latest - 1 or self.now - self.made_at > REFRESH_GRACE:
            self.refused(token)
            self.latest = None
            return multiple()
        answered = asyncio.run(self.refresh(token, None))
        return self.latest, answered.refresh_token, answered.refresh_expires_at

    def refused(self, token: str) -> None:
        try:
            asyncio.run(self.refresh(token, None))
        except NotSignedIn:
            return
        raise AssertionError("a spent token was answered")

    @invariant()
    def there_is_one_line_of_tokens(self) -> None:
        generations = [session.generation for session in self.database.sessions.values()]
        assert generations == ([] if self.latest is None else [self.latest])


Refreshing.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestRefreshing = pytest.mark.thorough(Refreshing.TestCase)
