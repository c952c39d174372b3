"""The HTTP layer over in-memory adapters: the real routes and use cases, no server and no disk."""

from collections.abc import AsyncIterator

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from tests.http.memory_service import MemoryService


@pytest.fixture
def memory() -> MemoryService:
    return MemoryService()


@pytest.fixture
async def client(memory: MemoryService) -> AsyncIterator[AsyncTestClient[Litestar]]:
    async with AsyncTestClient(memory.app(), raise_server_exceptions=False) as client:
        yield client
