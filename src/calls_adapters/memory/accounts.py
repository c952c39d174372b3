"""Users, sessions, API keys, the audit log and counted attempts in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from uuid import UUID

from calls_adapters.memory.database import MemoryDatabase
from calls_core.accounts import ApiKey, ApiKeyId, Session, SessionId, User, UserId
from calls_core.audit import AuditEntry, AuditFilter
from calls_core.errors import ApiKeyNotFound, LastAdmin, UsernameTaken, UserNotFound
from calls_core.ports import ApiKeys, AuditLog, Clock, SignInLimits, Users


class MemoryUsers(Users):
    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def add(self, user: User) -> None:
        if await self.by_name(user.username):
            raise UsernameTaken(f"there is a user {user.username} already")
        self._database.users[user.id] = user

    async def add_first(self, user: User) -> bool:
        if self._database.users:
            return False
        self._database.users[user.id] = user
        return True

    async def get(self, user_id: UserId) -> User:
        try:
            return self._database.users[user_id]
        except KeyError:
            raise UserNotFound(f"there is no user {user_id}") from None

    async def by_name(self, username: str) -> User | None:
        return next((user for user in self._database.users.values() if user.username == username), None)

    async def all(self) -> Sequence[User]:
        return sorted(self._database.users.values(), key=lambda user: user.username)

    async def save(self, user: User, *, end_sessions: bool) -> None:
        await self.get(user.id)
        if not user.is_acting_admin:
            self._require_admin_beside(user.id)
        self._database.users[user.id] = user
        if end_sessions:
            self._forget_sessions(user.id)

    async def remove(self, user_id: UserId) -> None:
        await self.get(user_id)
        self._require_admin_beside(user_id)
        del self._database.users[user_id]
        self._forget_sessions(user_id)

    async def begin(self, session: Session, ended_before: datetime) -> None:
        await self.get(session.user_id)
        self._forget_sessions(session.user_id, ended_before)
        self._database.sessions[session.id] = session

    async def session(self, session_id: SessionId) -> tuple[Session, User] | None:
        found = self._database.sessions.get(session_id)
        return (found, self._database.users[found.user_id]) if found else None

    async def refresh(self, session: Session) -> bool:
        stored = self._database.sessions.get(session.id)
        if stored is None or stored.generation != session.generation - 1:
            return False
        self._database.sessions[session.id] = session
        return True

    async def end(self, session_id: SessionId) -> None:
        self._database.sessions.pop(session_id, None)

    def _require_admin_beside(self, user_id: UserId) -> None:
        users = self._database.users
        others = any(user.is_acting_admin for key, user in users.items() if key != user_id)
        if users[user_id].is_acting_admin and not others:
            raise LastAdmin(f"{users[user_id].username} is the only admin; make another one first")

    def _forget_sessions(self, user_id: UserId, before: datetime | None = None) -> None:
        sessions = self._database.sessions
        for session in list(sessions.values()):
            if session.user_id == user_id and (before is None or session.refreshed_at < before):
                del sessions[session.id]


class MemoryApiKeys(ApiKeys):
    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def add(self, key: ApiKey) -> None:
        self._database.api_keys[key.id] = key

    async def by_secret(self, secret_sha256: str) -> ApiKey | None:
        return next((key for key in self._database.api_keys.values() if key.secret_sha256 == secret_sha256), None)

    async def all(self) -> Sequence[ApiKey]:
        return sorted(self._database.api_keys.values(), key=lambda key: key.id)

    async def used(self, key_id: ApiKeyId, at: datetime) -> None:
        if key := self._database.api_keys.get(key_id):
            self._database.api_keys[key_id] = replace(key, last_used_at=at)

    async def remove(self, key_id: ApiKeyId) -> None:
        if self._database.api_keys.pop(key_id, None) is None:
            raise ApiKeyNotFound(f"there is no API key {key_id}")


class MemoryAuditLog(AuditLog):
    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def record(self, entry: AuditEntry) -> None:
        self._database.audit.append(entry)

    async def page(self, wanted: AuditFilter, limit: int, before: UUID | None = None) -> Sequence[AuditEntry]:
        fitting = (
            entry
            for entry in sorted(self._database.audit, key=lambda entry: entry.id, reverse=True)
            if (before is None or entry.id < before)
            and wanted.action in {None, entry.action}
            and wanted.actor in {None, entry.actor.id}
            and wanted.call_id in {None, entry.call_id}
        )
        return list(islice(fitting, limit))


class MemorySignInLimits(SignInLimits):
    def __init__(self, database: MemoryDatabase, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def count(self, key: str, window: timedelta) -> tuple[int, timedelta]:
        now, attempts = self._clock(), self._database.attempts
        for other in [name for name, (_, until) in attempts.items() if until <= now]:
            del attempts[other]
        count, until = attempts.get(key, (0, now + window))
        attempts[key] = count + 1, until
        return count + 1, until - now

    async def forget(self, key: str) -> None:
        self._database.attempts.pop(key, None)
