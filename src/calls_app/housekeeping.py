"""Housekeeping: makes the archives that were ordered, and clears away what is over."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from calls_app.liveness import worker_name
from calls_core.errors import Unavailable
from calls_core.job import Patience
from calls_core.use_cases.build_export import BuildExport
from calls_core.use_cases.keep_house import KeepHouse

LOOK_EVERY: Final = timedelta(seconds=1)

_log = logging.getLogger("calls.housekeeping")


@dataclass(frozen=True, slots=True)
class Housekeeping:
    """Runs beside the worker. Any number of them may run; none is a leader."""

    build: BuildExport
    keep: KeepHouse
    patience: Patience

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Work in the background of the block."""
        tasks = [
            asyncio.create_task(_repeat("making an archive", self._build, LOOK_EVERY)),
            asyncio.create_task(_repeat("housekeeping", self.keep, self.patience.sweep_every)),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def _build(self) -> None:
        while await self.build(f"{worker_name()}/exports") is not None:
            pass


async def _repeat(name: str, work: Callable[[], Awaitable[None]], every: timedelta) -> None:
    while True:
        try:
            await work()
        except Unavailable as error:
            _log.warning("%s waits: %s", name, error)
        except Exception:  # noqa: BLE001 (it outlives whatever one call does to it)
            _log.exception("%s ended in an error of ours", name)
        await asyncio.sleep(every.total_seconds() * random.uniform(0.8, 1.2))  # noqa: S311 (spreads load)
