"""The notifier: gives events their place in the feed and takes them to their destinations."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from calls_core.errors import Unavailable
from calls_core.use_cases.tell_events import TellEvents

LOOK_EVERY: Final = timedelta(seconds=0.5)

_log = logging.getLogger("calls.notifier")


@dataclass(frozen=True, slots=True)
class Notifier:
    """Runs beside the worker. Any number of them may run; none is a leader."""

    tell: TellEvents

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Work in the background of the block."""
        telling = asyncio.create_task(self._tell())
        try:
            yield
        finally:
            telling.cancel()
            await asyncio.wait([telling])

    async def _tell(self) -> None:
        while True:
            try:
                await self.tell()
            except Unavailable as error:
                _log.warning("events cannot be told: %s", error)
            except Exception:  # noqa: BLE001 (the notifier outlives whatever an event does to it)
                _log.exception("telling events ended in an error of ours")
            await asyncio.sleep(LOOK_EVERY.total_seconds() * random.uniform(0.8, 1.2))  # noqa: S311 (spreads load)
