"""A scrape: what it reads, and what it does when nobody answers."""

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from calls_adapters.memory import MemoryDatabase, MemoryDeliveries, MemoryJobQueue
from calls_adapters.telemetry.readings import ReadingsCollector
from calls_app import scrape as module
from calls_app.checks import Check
from calls_app.scrape import Scrape
from calls_core.errors import RepositoryUnavailable, StorageUnavailable

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Queue(MemoryJobQueue):
    """Has jobs of a kind, or none that it could tell of."""

    def __init__(self) -> None:
        super().__init__(MemoryDatabase(), lambda: NOW)
        self.asked = 0
        self.error: Exception | None = None
        self.answers = asyncio.Event()
        self.answers.set()
        self.made_at: datetime | None = NOW - timedelta(seconds=90)

    async def depth(self) -> Mapping[str, int]:
        self.asked += 1
        await self.answers.wait()
        if self.error:
            raise self.error
        return {"queued": 3, "running": 1}

    async def oldest(self) -> datetime | None:
        return self.made_at


class Checks:
    """The parts of a service, one needed and one optional."""

    def __init__(self, needed: Check, optional: Check) -> None:
        self._needed, self._optional = needed, optional

    def for_health(self) -> Mapping[str, Check]:
        return {"storage": self._needed}

    def optional(self) -> Mapping[str, Check]:
        return {"broker": self._optional}


async def works() -> str:
    return "answers"


async def is_down() -> str:
    raise StorageUnavailable("down")


async def is_broken() -> str:
    raise ZeroDivisionError


def made(queue: Queue, needed: Check = works, optional: Check = is_down) -> Scrape:
    registry = CollectorRegistry()
    checks: Any = Checks(needed, optional)
    deliveries = MemoryDeliveries(MemoryDatabase(), lambda: NOW)
    return Scrape(registry, ReadingsCollector(registry), queue, deliveries, checks, lambda: NOW)


async def values(scrape: Scrape) -> dict[str, float]:
    text, _ = await scrape("")
    return {
        line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
        for line in text.decode().splitlines()
        if not line.startswith("#")
    }


async def test_it_tells_of_queue_and_parts() -> None:
    """Depth, the age of the oldest job, and which parts answer."""
    assert await values(made(Queue())) == {
        "calls_scrape_errors_total": 0,
        'calls_jobs{state="queued"}': 3,
        'calls_jobs{state="running"}': 1,
        "calls_oldest_unprocessed_age_seconds": 90,
        'calls_deliveries_waiting{state="queued"}': 0,
        'calls_deliveries_waiting{state="running"}': 0,
        "calls_oldest_delivery_age_seconds": 0,
        'calls_part_up{part="storage"}': 1,
        'calls_part_up{part="broker"}': 0,
    }


@pytest.mark.parametrize("made_at", [None, NOW + timedelta(seconds=5)])
async def test_nothing_to_do_has_no_age(made_at: datetime | None) -> None:
    """Zero without jobs, and also when the clock of another machine is ahead of ours."""
    queue = Queue()
    queue.made_at = made_at
    assert (await values(made(queue)))["calls_oldest_unprocessed_age_seconds"] == 0


async def test_many_scrapes_ask_once() -> None:
    """However many come in a few seconds, the database is asked one time."""
    queue = Queue()
    scrape = made(queue)
    await asyncio.gather(*(scrape("") for _ in range(20)))
    await scrape("")
    assert queue.asked == 1


async def test_a_database_that_refuses_is_counted() -> None:
    """Depth and age are absent, the error is counted, the rest is there."""
    queue = Queue()
    queue.error = RepositoryUnavailable("away")
    found = await values(made(queue, is_broken))
    assert found == {
        "calls_scrape_errors_total": 1,
        'calls_part_up{part="storage"}': 0,
        'calls_part_up{part="broker"}': 0,
    }


async def test_a_database_that_hangs_hangs_no_scrape(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each scrape ends in time, the question is not asked again while it is open, and later there are values again."""
    monkeypatch.setattr(module, "PATIENCE_SEC", 0.05)
    monkeypatch.setattr(module, "KEEP_QUEUE_SEC", 0.0)
    queue = Queue()
    queue.answers.clear()
    scrape = made(queue)
    began = time.monotonic()
    for errors in (1, 2):
        found = await values(scrape)
        assert found["calls_scrape_errors_total"] == errors
        assert 'calls_jobs{state="queued"}' not in found
    assert time.monotonic() - began < 10
    assert queue.asked == 1
    queue.answers.set()
    assert (await values(scrape))['calls_jobs{state="queued"}'] == 3
