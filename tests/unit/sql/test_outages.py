"""A database that is away, full, locked or not migrated, and what the core is told."""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import exc, text

from calls_adapters.sql import Database, SqlCallRepository, SqlIntakeSwitch
from calls_adapters.sql.failures import database_errors
from calls_adapters.sql.migrate import migrate
from calls_adapters.sql.schema import is_current
from calls_adapters.sql.tables.arrivals import holds, intake
from calls_core.errors import CallNotFound, RepositoryUnavailable
from calls_core.ports import IntakeState
from calls_core.recording import CallId
from tests.servers.postgres import PostgresServer

pytestmark = pytest.mark.anyio

SOMEBODY = CallId(UUID(int=1))
CLOSED = IntakeState(accepting=False)


@pytest.fixture
async def database(empty_url: str) -> AsyncIterator[Database]:
    await migrate(empty_url)
    made = Database(empty_url)
    yield made
    await made.close()


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (exc.OperationalError("SELECT", {}, sqlite3.OperationalError("database is locked")), "another process"),
        (exc.OperationalError("SELECT", {}, sqlite3.OperationalError("database or disk is full")), "free some space"),
        (exc.TimeoutError("QueuePool limit of size 5 overflow 0 reached"), "too many requests"),
        (exc.PendingRollbackError("Can't reconnect until invalid transaction is rolled back."), "look at"),
        (asyncpg.InvalidPasswordError('password authentication failed for user "x"'), "user and password"),
        (asyncpg.TooManyConnectionsError("sorry, too many clients already"), "max_connections"),
        (asyncpg.InterfaceError("connection is closed"), "look at"),
        (ConnectionRefusedError(111, "Connection refused"), "host and port"),
        (TimeoutError(), "TimeoutError"),
    ],
    ids=str,
)
def test_every_outage_is_one_error_with_advice(error: Exception, advice: str, caplog: pytest.LogCaptureFixture) -> None:
    """The core knows one, whatever the driver throws; it needs no trace in the log."""
    with pytest.raises(RepositoryUnavailable, match=advice), database_errors():
        raise error

    assert not caplog.records


@pytest.mark.parametrize(
    "error",
    [
        exc.IntegrityError("INSERT", {}, sqlite3.IntegrityError("UNIQUE constraint failed")),
        asyncpg.UndefinedColumnError('column "x" does not exist'),
    ],
    ids=str,
)
def test_a_refused_statement_is_an_outage_with_a_trace(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """Somebody must mend it, but the client is told to come back later."""
    with pytest.raises(RepositoryUnavailable), database_errors():
        raise error

    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert caplog.records[0].exc_info


@pytest.mark.parametrize("error", [CallNotFound("x"), exc.ArgumentError("x"), KeyError("x")], ids=repr)
def test_other_errors_pass_through(error: Exception) -> None:
    """Those of the core, and mistakes of ours, which must not pass for an outage."""
    with pytest.raises(type(error)), database_errors():
        raise error


@pytest.mark.parametrize("url", ["postgresql://calls@127.0.0.1:1/calls", "sqlite:////nowhere/at/all/calls.db"])
async def test_a_database_that_is_not_there(url: str) -> None:
    """Reading, writing and migrating say so."""
    database = Database(url)
    with pytest.raises(RepositoryUnavailable):
        await SqlCallRepository(database).get(SOMEBODY)
    with pytest.raises(RepositoryUnavailable):
        await SqlIntakeSwitch(database).set(CLOSED)
    await database.close()
    if url.startswith("postgresql"):
        with pytest.raises(RepositoryUnavailable):
            await is_current(url)
        with pytest.raises(RepositoryUnavailable):
            await migrate(url)


async def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """The default database is made at the first start, if its folder can be."""
    (tmp_path / "data").write_text("a file")

    with pytest.raises(RepositoryUnavailable):
        await migrate(f"sqlite:///{tmp_path}/data/calls.db")


@pytest.mark.requires("postgres")
@pytest.mark.parametrize(
    ("who", "name", "advice"), [("nobody", "postgres", "user and password"), ("calls", "nowhere", "create")]
)
async def test_a_server_that_lets_nobody_in(
    postgres_server: PostgresServer, who: str, name: str, advice: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A wrong user or database is a mistake of the settings, which a trace in the log would only bury."""
    with pytest.raises(RepositoryUnavailable, match=advice):
        await is_current(f"postgresql://{who}@127.0.0.1:{postgres_server.port}/{name}")

    assert "Traceback" not in caplog.text


async def test_a_file_that_is_no_database(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is not overwritten, and needs no trace in the log."""
    path = tmp_path / "calls.db"
    path.write_text("something else entirely" * 100)

    with pytest.raises(RepositoryUnavailable, match="file is not a database"):
        await migrate(f"sqlite:///{path}")

    assert path.read_text().startswith("something else")
    assert "Traceback" not in caplog.text


async def test_a_database_that_was_not_migrated(empty_url: str, tmp_path: Path) -> None:
    """The sentence says what to do."""
    (tmp_path / "data").mkdir()
    database = Database(empty_url)

    with pytest.raises(RepositoryUnavailable, match="migrate it"):
        await SqlCallRepository(database).get(SOMEBODY)

    await database.close()


async def test_what_was_not_committed_is_not_there(database: Database) -> None:
    """An error in a transaction leaves nothing behind, and the connection is as good as new."""

    async def half() -> None:
        async with database.write() as connection:
            await connection.execute(intake.insert().values(id=1, accepting=False))
            raise CallNotFound

    with pytest.raises(CallNotFound):
        await half()

    assert await SqlIntakeSwitch(database).state() == IntakeState()


async def test_a_cancelled_writer_leaves_nothing_behind(database: Database) -> None:
    """A client that hangs up in the middle of a transaction holds up nobody."""
    inside = asyncio.Event()

    async def half() -> None:
        async with database.write() as connection:
            await connection.execute(intake.insert().values(id=1, accepting=False))
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(half())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    async with asyncio.timeout(5):
        assert await SqlIntakeSwitch(database).state() == IntakeState()
        await SqlIntakeSwitch(database).set(CLOSED)


async def test_cancelling_at_any_moment_breaks_nothing(database: Database) -> None:
    """Writers are cancelled after ever more turns of the loop; afterwards every connection still works."""
    switch = SqlIntakeSwitch(database)
    await asyncio.gather(*(switch.set(CLOSED) for _ in range(12)))
    for turns in range(60):
        task = asyncio.create_task(switch.set(CLOSED))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async with asyncio.timeout(10):
        await asyncio.gather(*(switch.set(CLOSED) for _ in range(12)))
        assert await switch.state() == CLOSED


async def test_nothing_can_be_written_while_reading(database: Database) -> None:
    """A snapshot is for reading: a write in it is a mistake that shows at once."""
    with pytest.raises(RepositoryUnavailable):
        async with database.read() as connection:
            await connection.execute(intake.insert().values(id=1, accepting=False))


async def test_times_without_a_zone_are_refused(database: Database) -> None:
    """Guessing one would store another moment than was meant."""
    naive = datetime(2026, 1, 1)  # noqa: DTZ001 (the point of it)

    with pytest.raises(RepositoryUnavailable, match="without a zone"):
        async with database.write() as connection:
            await connection.execute(holds.insert().values(key="k", until=naive, doomed=False))


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


@pytest.mark.requires("postgres")
async def test_a_restarted_server_is_used_again(own_server: PostgresServer) -> None:
    """While it is away everybody is told so; the first request after it came back is served."""
    url = own_server.create_database()
    await migrate(url)
    database = Database(url)
    switch = SqlIntakeSwitch(database)
    await asyncio.gather(*(switch.set(CLOSED) for _ in range(8)))

    own_server.kill()
    for _ in range(2):
        with pytest.raises(RepositoryUnavailable):
            await switch.state()
        with pytest.raises(RepositoryUnavailable):
            await switch.set(CLOSED)
    own_server.start()

    for _ in range(12):
        await switch.set(CLOSED)
        assert await switch.state() == CLOSED
    await database.close()


@pytest.mark.requires("postgres")
async def test_a_server_that_refuses_a_connection_is_an_outage(postgres_url: str) -> None:
    """As one does that is still starting up: also for a statement that is handed to the driver as it is."""
    database = Database(postgres_url + "_gone")
    with pytest.raises(RepositoryUnavailable, match="does not exist"):
        await SqlIntakeSwitch(database).state()
    await database.close()


@pytest.mark.requires("postgres")
async def test_a_commit_that_nobody_answers_is_unknown(postgres_server: PostgresServer, postgres_url: str) -> None:
    """The connection dies after the last statement: the caller is told that the outcome is not known."""
    await migrate(postgres_url)
    database = Database(postgres_url)

    async def cut_off() -> None:
        async with database.write() as connection:
            await connection.execute(intake.insert().values(id=1, accepting=False))
            pid = await connection.scalar(text("SELECT pg_backend_pid()"))
            postgres_server.execute(f"SELECT pg_terminate_backend({pid}, 5000)")

    with pytest.raises(RepositoryUnavailable):
        await cut_off()
    assert await SqlIntakeSwitch(database).state() == IntakeState()
    await database.close()


@pytest.mark.requires("postgres")
async def test_commits_are_durable_whatever_the_server_says(postgres_server: PostgresServer, postgres_url: str) -> None:
    """A server that confirms before it has written is overruled; a generic plan would make searching slow."""
    assert postgres_server.execute("SHOW synchronous_commit") == "off"
    database = Database(postgres_url)

    async with database.one() as connection:
        assert await connection.scalar(text("SHOW synchronous_commit")) == "on"
        assert await connection.scalar(text("SHOW plan_cache_mode")) == "force_custom_plan"
    await database.close()


@pytest.mark.requires("sqlite")
async def test_sqlite_writes_through(tmp_path: Path) -> None:
    """Readers go on while somebody writes, and what is confirmed is on the disk."""
    database = Database(f"sqlite:///{tmp_path}/calls.db")
    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 15000}

    for lend in (database.write, database.change, database.one, database.read):
        async with lend() as connection:
            for name, value in wanted.items():
                assert await connection.scalar(text(f"PRAGMA {name}")) == value
    await database.close()
