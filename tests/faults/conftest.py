"""Both databases, durable, behind a service that is killed."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from calls_adapters.sql.migrate import migrate
from tests.servers.postgres import PostgresServer
from tests.servers.service import Service

SETTINGS = {"LEASE_SEC": "1.5", "ANALYZERS": "signal,pydub"}


@pytest.fixture(scope="session")
def durable_postgres() -> Iterator[PostgresServer]:
    with PostgresServer(durable=True) as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.requires("postgres"))])
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Service:
    """A service that is not started yet; work of a dead worker is taken up after a second and a half."""
    if request.param == "sqlite":
        return Service(tmp_path, **SETTINGS)
    server: PostgresServer = request.getfixturevalue("durable_postgres")
    url = server.create_database()
    asyncio.run(migrate(url))
    return Service(tmp_path, url, **SETTINGS)
