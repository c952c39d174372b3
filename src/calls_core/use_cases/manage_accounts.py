"""Users and API keys, as administrators see them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from calls_core.accounts import (
    ApiKey,
    ApiKeyId,
    Principal,
    Role,
    Scope,
    User,
    UserId,
    checked_label,
    checked_password,
    checked_username,
    fingerprint,
    new_secret,
)
from calls_core.audit import Action, Actor
from calls_core.errors import FieldError, Forbidden, InvalidAccount
from calls_core.ports import ApiKeys, Clock, NewId, Passwords, Users
from calls_core.use_cases.keep_audit import KeepAudit
from calls_core.use_cases.sign_in import LimitAttempts

HINT: Final = 10


@dataclass(frozen=True, slots=True)
class ManageUsers:
    """Add, change and remove users. Disabling a user and a new password end all sessions of it at once."""

    users: Users
    passwords: Passwords
    audit: KeepAudit
    clock: Clock
    new_id: NewId

    async def all(self) -> Sequence[User]:
        return await self.users.all()

    async def add(self, username: str, password: str, role: Role, by: Actor) -> User:
        """Return the new user.

        Raises:
            InvalidAccount: name or password cannot be used.
            UsernameTaken: another user has this name.
        """
        user = await self._new(username, password, role)
        await self.users.add(user)
        await self.audit(Action.USER_ADDED, by, details={"user": user.username, "role": role.value})
        return user

    async def add_first(self, username: str, password: str, by: Actor) -> bool:
        """Add an admin if there are no users at all; tell whether that was so."""
        if await self.users.all():
            return False
        user = await self._new(username, password, Role.ADMIN)
        is_first = await self.users.add_first(user)
        if is_first:
            await self.audit(Action.USER_ADDED, by, details={"user": user.username, "role": user.role.value})
        return is_first

    async def change(
        self,
        user_id: UserId,
        by: Actor,
        *,
        role: Role | None = None,
        enabled: bool | None = None,
        password: str | None = None,
    ) -> User:
        """Return the user after changing what is not None.

        Raises:
            UserNotFound: no such user.
            InvalidAccount: the password cannot be used.
            LastAdmin: no enabled admin would be left.
        """
        user = await self.users.get(user_id)
        changed = replace(
            user,
            role=user.role if role is None else role,
            enabled=user.enabled if enabled is None else enabled,
            password_hash=user.password_hash if password is None else await self._hash(password, user.username),
            updated_at=self.clock(),
        )
        await self.users.save(changed, end_sessions=password is not None or not changed.enabled)
        told: dict[str, str | bool] = {"user": user.username}
        told |= {"role": changed.role.value} if role is not None else {}
        told |= {"enabled": changed.enabled} if enabled is not None else {}
        told |= {"password": True} if password is not None else {}
        await self.audit(Action.USER_CHANGED, by, details=told)
        return changed

    async def remove(self, user_id: UserId, by: Actor) -> None:
        """Remove a user; raises as ``change`` does."""
        user = await self.users.get(user_id)
        await self.users.remove(user_id)
        await self.audit(Action.USER_REMOVED, by, details={"user": user.username})

    async def _new(self, username: str, password: str, role: Role) -> User:
        name, now = checked_username(username), self.clock()
        return User(
            id=UserId(self.new_id()),
            username=name,
            password_hash=await self._hash(password, name),
            role=role,
            enabled=True,
            created_at=now,
            updated_at=now,
        )

    async def _hash(self, password: str, username: str) -> str:
        return await self.passwords.hash(checked_password(password, username))


@dataclass(frozen=True, slots=True)
class ChangePassword:
    """Let users choose a password of their own."""

    users: Users
    passwords: Passwords
    attempts: LimitAttempts
    audit: KeepAudit
    clock: Clock

    async def __call__(self, principal: Principal, old: str, new: str, by: Actor) -> None:
        """Replace the password of *principal*; all sessions of it end, this one too.

        Raises:
            Forbidden: *principal* is no user.
            TooManyAttempts: *old* was wrong too often.
            InvalidAccount: *old* is wrong, or *new* cannot be used.
        """
        if principal.user_id is None:
            raise Forbidden("only users have passwords")
        user = await self.users.get(principal.user_id)
        checked_password(new, user.username, "new_password")
        await self.attempts(user.username, by.address)
        if not await self.passwords.matches(old, user.password_hash):
            why = "is not your password"
            raise InvalidAccount(f"old_password: {why}", [FieldError("/old_password", why)])
        changed = replace(user, password_hash=await self.passwords.hash(new), updated_at=self.clock())
        await self.users.save(changed, end_sessions=True)
        await self.attempts.forget(user.username)
        await self.audit(Action.PASSWORD_CHANGED, by)


@dataclass(frozen=True, slots=True)
class ManageApiKeys:
    """Add and remove the keys of machines."""

    keys: ApiKeys
    audit: KeepAudit
    clock: Clock
    new_id: NewId

    async def all(self) -> Sequence[ApiKey]:
        return await self.keys.all()

    async def add(
        self, name: str, scopes: frozenset[Scope], by: Actor, expires_at: datetime | None = None
    ) -> tuple[ApiKey, str]:
        """Return the new key and its secret, which nobody can ask for again.

        Raises:
            InvalidAccount: the name cannot be used, there are no scopes, or it would have expired already.
        """
        now, secret = self.clock(), new_secret()
        if not scopes:
            raise InvalidAccount("scopes: name at least one", [FieldError("/scopes", "name at least one")])
        if expires_at is not None and expires_at <= now:
            why = "must lie in the future"
            raise InvalidAccount(f"expires_at: {why}", [FieldError("/expires_at", why)])
        key = ApiKey(
            id=ApiKeyId(self.new_id()),
            name=checked_label(name),
            hint=secret[:HINT],
            secret_sha256=fingerprint(secret),
            scopes=scopes,
            created_by=by.id,
            created_at=now,
            expires_at=expires_at,
        )
        await self.keys.add(key)
        told = {"key": str(key.id), "name": key.name, "scopes": " ".join(sorted(scopes))}
        await self.audit(Action.KEY_ADDED, by, details=told)
        return key, secret

    async def remove(self, key_id: ApiKeyId, by: Actor) -> None:
        """Remove a key, which ends what it opens at once.

        Raises:
            ApiKeyNotFound: no such key.
        """
        await self.keys.remove(key_id)
        await self.audit(Action.KEY_REMOVED, by, details={"key": str(key_id)})
