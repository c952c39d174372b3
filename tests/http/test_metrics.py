"""``/metrics``, and what the edge tells of requests."""

import logging

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from tests.http.memory_service import MemoryService
from tests.http.test_calls import CALL

pytestmark = pytest.mark.anyio

Client = AsyncTestClient[Litestar]


async def test_metrics_are_served(client: Client) -> None:
    """Anybody may read them, in the type that they have, and no parameter is accepted."""
    answer = await client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert (await client.get("/metrics?x=1")).status_code == 422
    assert (await client.post("/metrics")).status_code == 405


async def test_requests_are_told_by_route(client: Client, memory: MemoryService) -> None:
    """By the template, never by the path: whatever clients make up, all unknown paths are one."""
    memory.telemetry.exchanges.clear()
    call = (await client.post("/calls", json=CALL)).json()
    await client.get(f"/calls/{call['id']}")
    for path in ("/nowhere", "/calls/not-a-uuid", "/../../etc/passwd", "/wp-admin/%00"):
        await client.get(path)
    await client.patch("/calls")
    told = [(exchange.method, exchange.route, exchange.status) for exchange in memory.telemetry.exchanges]
    assert told == [
        ("POST", "/calls", 201),
        ("GET", "/calls/{call_id}", 200),
        *[("GET", None, 404)] * 4,
        ("PATCH", None, 405),
    ]


async def test_machines_that_ask_all_the_time_make_no_noise(
    client: Client, memory: MemoryService, caplog: pytest.LogCaptureFixture
) -> None:
    """Health and metrics are counted, but neither traced nor in the log."""
    memory.telemetry.exchanges.clear()
    with caplog.at_level(logging.INFO, "calls.http"):
        for path in ("/metrics", "/health/live", "/health/ready"):
            await client.get(path)
    assert caplog.records == []
    assert [exchange.traced for exchange in memory.telemetry.exchanges] == [False] * 3


async def test_a_fault_is_told_as_one(memory: MemoryService) -> None:
    """Status 500, although it was an error of ours and no answer of a route."""

    async def add(*_: object) -> None:
        raise ZeroDivisionError

    broken = MemoryService()
    broken.calls.add = add  # type: ignore[method-assign, assignment]
    async with AsyncTestClient(broken.app(), raise_server_exceptions=False) as client:
        await client.post("/calls", json=CALL)
    assert [(e.route, e.status) for e in broken.telemetry.exchanges] == [("/calls", 500)]
