"""Services over every database, broker and storage, and their servers, which tests kill."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from calls_adapters.sql.migrate import migrate
from tests.faults.observing import Files, files_below, objects_in
from tests.servers.postgres import PostgresServer


@dataclass(frozen=True, slots=True)
class Stack:
    """What stands behind a service: *variables* lead it there, *files* looks into its storage from outside."""

    database_url: str
    variables: dict[str, str]
    files: Files


Stacks = Callable[..., Stack]


@pytest.fixture(scope="session")
def durable_postgres() -> Iterator[PostgresServer]:
    """One server that keeps its own promises; a test that kills it starts it again."""
    with PostgresServer(durable=True) as server:
        yield server


@pytest.fixture
def stacks(request: pytest.FixtureRequest, tmp_path: Path) -> Stacks:
    """Makes a stack of the kinds named; a worker that died is noticed after a second and a half."""

    def make(database: str = "sqlite", broker: str = "memory", storage: str = "local") -> Stack:
        # Temporary copies of recordings go where they can be counted, too.
        temporary = tmp_path / "tmp"
        temporary.mkdir()
        variables = {"LEASE_SEC": "1.5", "ANALYZERS": "signal,pydub", "TMPDIR": str(temporary)}
        files: Files = partial(files_below, tmp_path / "recordings", temporary)
        if broker != "memory":
            variables["BROKER_URL"] = request.getfixturevalue(
                {"redis": "redis_server"}.get(broker, "rabbit_server")
            ).url
        if storage == "s3":
            server = request.getfixturevalue("s3_server")
            bucket = server.create_bucket()
            variables |= server.settings(bucket)
            files = lambda: objects_in(server, bucket) | files_below(temporary)  # noqa: E731 (shorter than a function)
        if database == "sqlite":
            return Stack(f"sqlite:///{tmp_path / 'calls.db'}", variables, files)
        url = request.getfixturevalue("durable_postgres").create_database()
        asyncio.run(migrate(url))
        return Stack(url, variables, files)

    return make
