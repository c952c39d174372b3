"""All metrics of this process, with the queue as it is at the moment."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

from prometheus_client import CollectorRegistry

from calls_adapters.telemetry.prometheus import exposed
from calls_adapters.telemetry.readings import Readings, ReadingsCollector
from calls_app.checks import Check, PartChecks
from calls_core.errors import CallsError
from calls_core.ports import Clock, Deliveries, JobQueue

KEEP_QUEUE_SEC: Final = 5.0
KEEP_PARTS_SEC: Final = 15.0
PATIENCE_SEC: Final = 2.0

T = TypeVar("T")

_log = logging.getLogger("calls.metrics")


@dataclass(slots=True)
class Kept(Generic[T]):
    """What *read* returned, or raised, for *keep_sec*. It is never asked twice at the same time, and never cancelled:
    undoing a question to a database that hangs may hang, too."""

    read: Callable[[], Coroutine[Any, Any, T]]
    keep_sec: float
    _reading: asyncio.Task[T] | None = None
    _began: float = 0.0

    async def latest(self) -> T:
        """Return the value. Raises what *read* raises, and ``TimeoutError``."""
        now = time.monotonic()
        if self._reading is None or (self._reading.done() and now - self._began >= self.keep_sec):
            self._reading, self._began = asyncio.create_task(self.read()), now
        await asyncio.wait({self._reading}, timeout=PATIENCE_SEC)
        if not self._reading.done():
            raise TimeoutError(f"no answer within {PATIENCE_SEC:g} seconds")
        return self._reading.result()


@dataclass(frozen=True, slots=True)
class Queues:
    jobs: Mapping[str, int]
    oldest_job: datetime | None
    deliveries: Mapping[str, int]
    oldest_delivery: datetime | None


@dataclass(slots=True)
class Scrape:
    """Answers a scrape. However many there are, the parts are asked once in a few seconds each, and whatever is down,
    nobody waits for it for long."""

    registry: CollectorRegistry
    readings: ReadingsCollector
    jobs: JobQueue
    deliveries: Deliveries
    checks: PartChecks
    clock: Clock
    _queue: Kept[Queues] = field(init=False)
    _parts: dict[str, Kept[str]] = field(init=False)

    def __post_init__(self) -> None:
        self._queue = Kept(self._read_queue, KEEP_QUEUE_SEC)
        asked = {**self.checks.for_health(), **self.checks.optional()}
        self._parts = {name: Kept(_asking(check), KEEP_PARTS_SEC) for name, check in asked.items()}

    async def __call__(self, accept: str) -> tuple[bytes, str]:
        """Return the metrics and their media type, as the header ``Accept`` asks for."""
        latest, parts = await asyncio.gather(
            self._queue_reading(), asyncio.gather(*(self._works(name) for name in self._parts))
        )
        latest.parts = dict(zip(self._parts, parts, strict=True))
        self.readings.latest = latest
        return exposed(self.registry, accept)

    async def _read_queue(self) -> Queues:
        return Queues(
            await self.jobs.depth(),
            await self.jobs.oldest(),
            await self.deliveries.depth(),
            await self.deliveries.oldest(),
        )

    async def _queue_reading(self) -> Readings:
        try:
            queues = await self._queue.latest()
        except (CallsError, TimeoutError) as error:
            self.readings.failed.inc()
            _log.warning("the queue cannot be read for the metrics: %s", error)
            return Readings()
        return Readings(
            jobs=queues.jobs,
            oldest_age_sec=self._age(queues.oldest_job),
            deliveries=queues.deliveries,
            oldest_delivery_age_sec=self._age(queues.oldest_delivery),
        )

    def _age(self, oldest: datetime | None) -> float:
        return max(0.0, (self.clock() - oldest).total_seconds()) if oldest else 0.0

    async def _works(self, name: str) -> bool:
        try:
            await self._parts[name].latest()
        except (CallsError, TimeoutError):
            return False
        except Exception:  # noqa: BLE001 (whatever a check raises, its part is down)
            _log.exception("the check of %s failed", name)
            return False
        return True


def _asking(check: Check) -> Callable[[], Coroutine[Any, Any, str]]:
    async def ask() -> str:
        return await check()

    return ask
