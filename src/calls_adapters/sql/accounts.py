"""Users, sessions and API keys in a relational database."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, delete, exists, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from calls_adapters.sql.database import Database
from calls_adapters.sql.standing import Row, Standing
from calls_adapters.sql.tables.accounts import api_keys, sessions, users
from calls_core.accounts import ApiKey, ApiKeyId, Role, Scope, Session, SessionId, User, UserId
from calls_core.errors import ApiKeyNotFound, LastAdmin, UsernameTaken, UserNotFound
from calls_core.ports import ApiKeys, Users

# One of the two is asked at every request.
_SESSION: Final = Standing(
    select(*(column.label(f"session_{column.name}") for column in sessions.c), *users.c)
    .join_from(sessions, users)
    .where(sessions.c.id == bindparam("wanted"))
)
_BY_SECRET: Final = Standing(select(api_keys).where(api_keys.c.secret_sha256 == bindparam("wanted")))
_ACTING_ADMINS: Final = (
    select(users.c.id).where(users.c.role == Role.ADMIN.value, users.c.enabled).order_by(users.c.id).with_for_update()
)


class SqlUsers(Users):
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, user: User) -> None:
        statement = self._database.insert(users).values(_user_row(user))
        async with self._database.change() as connection:
            done = await connection.execute(statement.on_conflict_do_nothing(index_elements=[users.c.username]))
        if done.rowcount == 0:
            raise UsernameTaken(f"there is a user {user.username} already")

    async def add_first(self, user: User) -> bool:
        row = _user_row(user)
        values = select(*(literal(value, users.c[name].type) for name, value in row.items())).where(
            ~exists(select(users.c.id))
        )
        statement = self._database.insert(users).from_select(list(row), values)
        async with self._database.change() as connection:
            # Where two processes start at once, the name lets only one of them in.
            done = await connection.execute(statement.on_conflict_do_nothing(index_elements=[users.c.username]))
        return bool(done.rowcount)

    async def get(self, user_id: UserId) -> User:
        found = await self._one(users.c.id == user_id)
        if found is None:
            raise UserNotFound(f"there is no user {user_id}")
        return found

    async def by_name(self, username: str) -> User | None:
        return await self._one(users.c.username == username)

    async def all(self) -> Sequence[User]:
        async with self._database.one() as connection:
            rows = (await connection.execute(select(users))).mappings()
            return sorted((_user(row) for row in rows), key=lambda user: user.username)

    async def save(self, user: User, *, end_sessions: bool) -> None:
        async with self._database.write() as connection:
            if not user.is_acting_admin:
                await _require_admin_beside(connection, user.id)
            statement = update(users).where(users.c.id == user.id).values(_user_row(user))
            if (await connection.execute(statement)).rowcount == 0:
                raise UserNotFound(f"there is no user {user.id}")
            if end_sessions:
                await connection.execute(delete(sessions).where(sessions.c.user_id == user.id))

    async def remove(self, user_id: UserId) -> None:
        async with self._database.write() as connection:
            await _require_admin_beside(connection, user_id)
            if (await connection.execute(delete(users).where(users.c.id == user_id))).rowcount == 0:
                raise UserNotFound(f"there is no user {user_id}")

    async def begin(self, session: Session, ended_before: datetime) -> None:
        ended = (sessions.c.user_id == session.user_id) & (sessions.c.refreshed_at < ended_before)
        async with self._database.write() as connection:
            known = select(users.c.id).where(users.c.id == session.user_id).with_for_update(read=True)
            if await connection.scalar(known) is None:
                raise UserNotFound(f"there is no user {session.user_id}")
            await connection.execute(delete(sessions).where(ended))
            await connection.execute(insert(sessions).values(_session_row(session)))

    async def session(self, session_id: SessionId) -> tuple[Session, User] | None:
        rows = await self._database.rows(_SESSION, {"wanted": session_id})
        return (_session(rows[0]), _user(rows[0])) if rows else None

    async def refresh(self, session: Session) -> bool:
        as_read = (sessions.c.id == session.id) & (sessions.c.generation == session.generation - 1)
        statement = update(sessions).where(as_read).values(_session_row(session))
        async with self._database.change() as connection:
            return bool((await connection.execute(statement)).rowcount)

    async def end(self, session_id: SessionId) -> None:
        async with self._database.change() as connection:
            await connection.execute(delete(sessions).where(sessions.c.id == session_id))

    async def _one(self, condition: Any) -> User | None:  # noqa: ANN401 (a clause)
        async with self._database.one() as connection:
            row = (await connection.execute(select(users).where(condition))).mappings().one_or_none()
        return _user(row) if row else None


class SqlApiKeys(ApiKeys):
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, key: ApiKey) -> None:
        async with self._database.change() as connection:
            await connection.execute(insert(api_keys).values(_key_row(key)))

    async def by_secret(self, secret_sha256: str) -> ApiKey | None:
        rows = await self._database.rows(_BY_SECRET, {"wanted": secret_sha256})
        return _key(rows[0]) if rows else None

    async def all(self) -> Sequence[ApiKey]:
        async with self._database.one() as connection:
            return [
                _key(row) for row in (await connection.execute(select(api_keys).order_by(api_keys.c.id))).mappings()
            ]

    async def used(self, key_id: ApiKeyId, at: datetime) -> None:
        async with self._database.change() as connection:
            await connection.execute(update(api_keys).where(api_keys.c.id == key_id).values(last_used_at=at))

    async def remove(self, key_id: ApiKeyId) -> None:
        async with self._database.change() as connection:
            done = await connection.execute(delete(api_keys).where(api_keys.c.id == key_id))
        if done.rowcount == 0:
            raise ApiKeyNotFound(f"there is no API key {key_id}")


async def _require_admin_beside(connection: AsyncConnection, user_id: UserId) -> None:
    """Lock the admins, so that two of them cannot remove each other.

    Raises:
        LastAdmin: *user_id* is the only one.
    """
    if (await connection.scalars(_ACTING_ADMINS)).all() == [user_id]:
        raise LastAdmin("this is the only admin; make another one first")


def _user_row(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "username": user.username,
        "password_hash": user.password_hash,
        "role": user.role.value,
        "enabled": user.enabled,
        "created_at": user.created_at,
        "updated_at": user.updated_at,
    }


def _user(row: Row) -> User:
    return User(
        id=UserId(row["id"]),
        username=row["username"],
        password_hash=row["password_hash"],
        role=Role(row["role"]),
        enabled=row["enabled"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _session_row(session: Session) -> dict[str, Any]:
    return {
        "id": session.id,
        "user_id": session.user_id,
        "generation": session.generation,
        "created_at": session.created_at,
        "refreshed_at": session.refreshed_at,
    }


def _session(row: Row) -> Session:
    return Session(
        id=SessionId(row["session_id"]),
        user_id=UserId(row["session_user_id"]),
        generation=row["session_generation"],
        created_at=row["session_created_at"],
        refreshed_at=row["session_refreshed_at"],
    )


def _key_row(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "hint": key.hint,
        "secret_sha256": key.secret_sha256,
        "scopes": " ".join(sorted(key.scopes)),
        "created_by": key.created_by,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "last_used_at": key.last_used_at,
    }


def _key(row: Row) -> ApiKey:
    return ApiKey(
        id=ApiKeyId(row["id"]),
        name=row["name"],
        hint=row["hint"],
        secret_sha256=row["secret_sha256"],
        scopes=frozenset(Scope(scope) for scope in row["scopes"].split()),
        created_by=row["created_by"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        last_used_at=row["last_used_at"],
    )
