"""The event loop, the capability mechanism, and the servers that tests of all kinds share."""

from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.capabilities import CAPABILITIES, missing, recordings_folder, required
from tests.servers.postgres import PostgresServer
from tests.servers.rabbitmq import RabbitServer
from tests.servers.redis import RedisServer
from tests.servers.s3 import S3Server

# A shared machine may stall any example for longer than Hypothesis allows by default.
hypothesis.settings.register_profile("calls", deadline=None, print_blob=True)
hypothesis.settings.load_profile("calls")


def pytest_configure() -> None:
    for name in sorted(required()):
        if name not in CAPABILITIES:
            raise pytest.UsageError(f"CALLS_TEST_REQUIRE: {name} is none of {', '.join(sorted(CAPABILITIES))}")
        if (reason := missing(name)) is not None:
            raise pytest.UsageError(f"CALLS_TEST_REQUIRE names {name}, but {reason}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for name in {mark.args[0] for mark in item.iter_markers("requires")}:
            if name not in CAPABILITIES:
                raise pytest.UsageError(f"{item.nodeid} requires {name}, none of {', '.join(sorted(CAPABILITIES))}")
            if (reason := missing(name)) is not None:
                item.add_marker(pytest.mark.skip(reason=f"{name}: {reason}"))


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of real recordings and their ``manifest.json``; for tests that require ``recordings``."""
    return recordings_folder()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One server for the whole run; for tests that require ``postgres``. A test that kills servers makes its own."""
    with PostgresServer() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The URL of an empty database of the test's own."""
    url = postgres_server.create_database()
    yield url
    postgres_server.drop_database(url)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """One server for the whole run; for tests that require ``s3``. A test that kills it makes its own."""
    with S3Server() as server:
        yield server


@pytest.fixture
def s3_bucket(s3_server: S3Server) -> str:
    """The name of an empty bucket of the test's own."""
    return s3_server.create_bucket()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """One server for the whole run; for tests that require ``redis``. A test that kills it starts it again."""
    with RedisServer() as server:
        yield server


@pytest.fixture(scope="session")
def rabbit_server() -> Iterator[RabbitServer]:
    """One server for the whole run; for tests that require ``rabbitmq``. A test that kills it starts it again."""
    with RabbitServer() as server:
        yield server
