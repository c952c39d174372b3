"""The HTTP layer over in-memory adapters: the real routes and use cases, no server and no disk."""

from collections.abc import AsyncIterator

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

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
