"""The HTTP layer over in-memory adapters: the real routes and use cases, no server and no disk."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from calls_core.accounts import Role
from tests.http.memory_service import MemoryService


@pytest.fixture(scope="session")
def shared() -> tuple[MemoryService, Litestar]:
    """One application for all tests that change none of its parts: making one takes longer than most tests."""
    memory = MemoryService()
    return memory, memory.app()


@pytest.fixture
def memory(shared: tuple[MemoryService, Litestar]) -> MemoryService:
    """The service behind ``client``, without any calls."""
    shared[0].forget()
    return shared[0]


@pytest.fixture
async def client(
    memory: MemoryService, shared: tuple[MemoryService, Litestar]
) -> AsyncIterator[AsyncTestClient[Litestar]]:
    async with AsyncTestClient(shared[1], raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="session")
def guarded_app() -> tuple[MemoryService, Litestar]:
    memory = MemoryService(accounts=True)
    return memory, memory.app()


@pytest.fixture
async def guarded(
    guarded_app: tuple[MemoryService, Litestar],
) -> AsyncIterator[tuple[MemoryService, AsyncTestClient[Litestar]]]:
    """A service with accounts, and a client that has not signed in: there are boss, an admin, and anna, a viewer."""
    memory, app = guarded_app
    memory.forget()
    memory.now = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
    await memory.add_user("boss", Role.ADMIN)
    await memory.add_user("anna", Role.VIEWER)
    async with AsyncTestClient(app, raise_server_exceptions=False) as client:
        yield memory, client
