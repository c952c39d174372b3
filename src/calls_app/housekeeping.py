"""Housekeeping: makes the archives that were ordered, and clears away what is over."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from calls_app.liveness import worker_name
from calls_app.repeating import repeat
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
            asyncio.create_task(repeat("making an archive", self._build, LOOK_EVERY, _log)),
            asyncio.create_task(repeat("housekeeping", self.keep, self.patience.sweep_every, _log)),
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
