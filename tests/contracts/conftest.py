"""Every adapter of the database ports, each over a state of its own and a clock that tests move."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from calls_adapters.sql.migrate import migrate
from tests.contracts.worlds import World, memory_world, sql_world
from tests.servers.postgres import PostgresServer

KINDS = [
    "memory",
    pytest.param("sqlite", marks=pytest.mark.requires("sqlite")),
    pytest.param("postgres", marks=pytest.mark.requires("postgres")),
]


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file, to be copied."""
    path = tmp_path_factory.mktemp("sqlite") / "calls.db"
    asyncio.run(migrate(f"sqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def postgres_migrated(postgres_server: PostgresServer) -> str:
    """The URL of a migrated database, which tests use one after the other: making one takes longer than most tests."""
    url = postgres_server.create_database()
    asyncio.run(migrate(url))
    return url


@pytest.fixture(params=KINDS)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str | None:
    """A migrated database; None for the adapters in memory."""
    if request.param == "memory":
        return None
    if request.param == "sqlite":
        return f"sqlite:///{shutil.copy(request.getfixturevalue('sqlite_template'), tmp_path / 'calls.db')}"
    url: str = request.getfixturevalue("postgres_migrated")
    return url


@pytest.fixture
async def world(database_url: str | None) -> AsyncIterator[World]:
    if database_url is None:
        yield memory_world()
        return
    made = sql_world(database_url)
    await made.clear()
    yield made
    await made.close()
