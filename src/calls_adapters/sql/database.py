"""One small interface over SQLite (one writer, several readers) and PostgreSQL (one pool)."""

import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    URL,
    ColumnElement,
    Connection,
    Executable,
    Interval,
    Table,
    bindparam,
    event,
    func,
    literal,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.util import greenlet_spawn

from calls_adapters.sql.failures import database_errors
from calls_adapters.sql.standing import Row, Standing, ask_driver
from calls_adapters.sql.tables.metadata import UtcDateTime
from calls_core.ports import Clock

_DRIVERS: Final = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}
_SINGLE: Final = "calls_single_statement"
_PRAGMAS: Final = (
    "busy_timeout=15000",
    "journal_mode=WAL",
    "synchronous=FULL",  # a commit that was confirmed outlives a power cut
    "foreign_keys=ON",
    "temp_store=MEMORY",
    "cache_size=-16000",
)


def normalized_url(url: str) -> str:
    """Return *url* with the driver that we use: ``postgres://...`` as ``postgresql+asyncpg://...``.

    Raises:
        ValueError: it names no file, or another database or driver than ours.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        msg = "DATABASE_URL: must look like sqlite:///path/to/file or postgresql://user:password@host/database"
        raise ValueError(msg) from None
    driver = _DRIVERS.get(parsed.drivername, parsed.drivername)
    if driver not in _DRIVERS.values():
        msg = f"DATABASE_URL: {parsed.drivername} is not supported; use sqlite:///... or postgresql://..."
        raise ValueError(msg)
    if driver.startswith("sqlite") and (parsed.database or ":memory:") == ":memory:":
        msg = "DATABASE_URL: name a file, such as sqlite:///data/calls.db; a database in memory cannot be shared"
        raise ValueError(msg)
    query = {("ssl" if key == "sslmode" else key): value for key, value in parsed.query.items()}
    return parsed.set(drivername=driver, query=query).render_as_string(hide_password=False)


class Database:
    """Lends connections: ``write()`` a transaction, ``read()`` a snapshot, and two for a single statement each, which
    spare the round trips of BEGIN and COMMIT: ``one()`` to read, ``change()`` to write. ``rows()`` runs such a
    statement at a fraction of the processor time, for what every request asks.

    Leaving ``write()`` commits; whatever goes wrong in any of them is ``RepositoryUnavailable``. With a *clock*, times
    are taken from it; without one they are PostgreSQL's own, or those of this process for SQLite.
    """

    def __init__(self, url: str, *, readers: int = 4, pool: int = 10, clock: Clock | None = None) -> None:
        parsed = make_url(normalized_url(url))
        self.is_postgres: Final = parsed.get_backend_name() == "postgresql"
        if self.is_postgres:
            self._clock = clock
            # AUTOCOMMIT is what its connections have when they come: to set it for each statement takes as long as one.
            self._single = _postgres_engine(parsed, pool)
            self._change = self._reader = self._single
            self._writer = self._single.execution_options(isolation_level="READ COMMITTED")
        else:
            self._clock = clock or _utc_now
            self._writer = sqlite_engine(parsed, connections=1, begin="BEGIN IMMEDIATE")
            self._reader = sqlite_engine(parsed, connections=readers, begin="BEGIN", query_only=True)
            self._single = self._reader.execution_options(**{_SINGLE: True})
            self._change = self._writer.execution_options(**{_SINGLE: True})

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        with database_errors():
            async with self._writer.begin() as connection:
                yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        with database_errors():
            async with self._reader.connect() as connection:
                if self.is_postgres:
                    await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
                yield connection

    @asynccontextmanager
    async def one(self) -> AsyncIterator[AsyncConnection]:
        with database_errors():
            async with self._single.connect() as connection:
                yield connection

    @asynccontextmanager
    async def change(self) -> AsyncIterator[AsyncConnection]:
        with database_errors():
            async with self._change.connect() as connection:
                yield connection

    async def rows(self, standing: Standing, values: Mapping[str, Any] | None = None) -> Sequence[Row]:
        """Return the rows of a single statement; one that writes must be PostgreSQL's.

        Raises:
            Taken: it would have stored a key twice.
        """
        with database_errors():
            if self.is_postgres:
                return await ask_driver(self._single, standing, values or {})
            return await _at_once(self._single, standing.statement, values)

    def insert(self, table: Table) -> postgresql.Insert | sqlite.Insert:
        """Return an INSERT that knows what to do on conflict."""
        return postgresql.insert(table) if self.is_postgres else sqlite.insert(table)

    def given_now(self) -> datetime | None:
        """Return the present moment of the clock that was given, None if it is PostgreSQL's own that counts."""
        return self._clock() if self._clock is not None else None

    def now(self, later: timedelta = timedelta(0)) -> ColumnElement[datetime]:
        """Return the present moment, or one *later*, for use in a statement."""
        if self._clock is not None:
            return literal(self._clock() + later, UtcDateTime)
        moment: ColumnElement[datetime] = func.statement_timestamp(type_=UtcDateTime())
        return moment + literal(later, Interval) if later else moment

    def moment(self, name: str) -> ColumnElement[datetime]:
        """Return a moment for a statement that is put together once: ``moments`` gives it a value each time."""
        if self._clock is not None:
            return bindparam(name, type_=UtcDateTime)
        moment: ColumnElement[datetime] = func.statement_timestamp(type_=UtcDateTime()) + bindparam(
            name, type_=Interval
        )
        return moment

    def moments(self, **later: timedelta) -> dict[str, Any]:
        """Return the values of moments by their name, each so much later than the present."""
        if self._clock is None:
            return dict(later)
        now = self._clock()
        return {name: now + delta for name, delta in later.items()}

    async def close(self) -> None:
        await self._writer.dispose()
        if not self.is_postgres:
            await self._reader.dispose()


async def _at_once(engine: AsyncEngine, statement: Executable, values: Mapping[str, Any] | None) -> Sequence[Row]:
    def run() -> Sequence[Row]:
        with engine.sync_engine.connect() as connection:
            return [dict(row) for row in connection.execute(statement, values).mappings()]

    # One greenlet for connecting, executing and giving back: AsyncConnection starts one for each.
    return await greenlet_spawn(run)


def sqlite_engine(url: URL, *, connections: int, begin: str, query_only: bool = False) -> AsyncEngine:
    """Return an engine whose transactions start with *begin*.

    IMMEDIATE takes the write lock first, so that what was read in a transaction is still true when it writes.
    """
    engine = create_async_engine(url, pool_size=connections, max_overflow=0, pool_timeout=30)

    @event.listens_for(engine.sync_engine, "do_connect")
    def probe(_dialect: object, _record: object, arguments: list[str], _options: object) -> None:
        # aiosqlite starts a thread first, which outlives a failure to open and stumbles over the end of the loop.
        sqlite3.connect(arguments[0]).close()

    @event.listens_for(engine.sync_engine, "connect")
    def tune(connection: Any, _record: object) -> None:  # noqa: ANN401 (a driver's connection)
        connection.isolation_level = None  # the driver must not begin by itself
        cursor = connection.cursor()
        try:
            for pragma in (*_PRAGMAS, f"query_only={int(query_only)}"):
                cursor.execute(f"PRAGMA {pragma}")
            cursor.close()
        except BaseException:
            connection.close()  # SQLAlchemy forgets it, and its thread would live on
            raise

    @event.listens_for(engine.sync_engine, "begin")
    def start(connection: Connection) -> None:
        if not connection.get_execution_options().get(_SINGLE):
            connection.exec_driver_sql(begin)

    return engine


def _postgres_engine(url: URL, pool: int) -> AsyncEngine:
    engine = create_async_engine(
        url,
        isolation_level="AUTOCOMMIT",
        pool_size=pool,
        max_overflow=0,
        pool_timeout=10,
        pool_recycle=1800,
        connect_args={
            "timeout": 5,
            "command_timeout": 30,
            # A generic plan cannot see the pattern of a LIKE: 2 ms become 900 ms after the fifth execution.
            "server_settings": {
                "plan_cache_mode": "force_custom_plan",
                "jit": "off",  # compiling takes longer than any of our statements
                "timezone": "UTC",
                "application_name": "calls",
            },
        },
    )

    @event.listens_for(engine.sync_engine, "connect")
    def make_durable(connection: Any, _record: object) -> None:  # noqa: ANN401 (a driver's connection)
        connection.run_async(
            lambda driver: driver.execute(
                "SELECT set_config('synchronous_commit', 'on', false)"
                " WHERE current_setting('synchronous_commit') = 'off'"
            )
        )

    @event.listens_for(engine.sync_engine, "checkout")
    def require_open(connection: Any, _record: object, _proxy: object) -> None:  # noqa: ANN401 (a driver's connection)
        # asyncpg knows at once when the server hangs up; asking it costs no round trip as a ping would.
        if connection.driver_connection.is_closed():
            raise DisconnectionError

    return engine


def _utc_now() -> datetime:
    return datetime.now(UTC)
