"""The worker: takes jobs from the database, and sweeps."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from taskiq import AsyncBroker

from calls_adapters.taskiq.wake_ups import on_wake_up
from calls_core.errors import Unavailable
from calls_core.job import JobId
from calls_core.use_cases.process_recording import ProcessRecording
from calls_core.use_cases.recover_work import RecoverWork

POLL_EVERY: Final = timedelta(seconds=5)
GRACE: Final = timedelta(seconds=20)
WAKE_UPS_KEPT: Final = 1000

_log = logging.getLogger("calls.worker")


@dataclass(slots=True)
class Worker:
    """Runs *concurrency* jobs at a time.

    A wake-up only makes it look sooner; without any, it looks every few seconds. Stopping lets running jobs end for a
    while and then hands them back, which costs them no attempt.
    """

    process: ProcessRecording
    recover: RecoverWork
    broker: AsyncBroker
    concurrency: int
    name: str
    _hints: asyncio.Queue[JobId] = field(default_factory=lambda: asyncio.Queue(WAKE_UPS_KEPT))
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Work in the background of the block."""
        on_wake_up(self.broker, self._look)
        sweeper = asyncio.create_task(self._sweep())
        slots = [asyncio.create_task(self._work(f"{self.name}/{n}")) for n in range(self.concurrency)]
        try:
            yield
        finally:
            self._stopping.set()
            sweeper.cancel()
            await asyncio.wait(slots, timeout=GRACE.total_seconds())
            for slot in slots:
                slot.cancel()
            await asyncio.wait([sweeper, *slots], timeout=GRACE.total_seconds())

    async def _look(self, job_id: JobId) -> None:
        if self._hints.full():
            return  # every slot is busy and will look at the database by itself
        self._hints.put_nowait(job_id)

    async def _work(self, slot: str) -> None:
        pause = POLL_EVERY.total_seconds()
        while not self._stopping.is_set():
            try:
                while not self._stopping.is_set() and await self.process(slot) is not None:
                    pass
            except Unavailable as error:
                _log.warning("cannot look for work: %s", error)
            except Exception:  # noqa: BLE001 (a worker outlives whatever a job does to it)
                _log.exception("a job ended in an error of ours; the sweep will take it up")
            await self._hint_or_stop(pause * random.uniform(0.8, 1.2))  # noqa: S311 (spreads load, hides nothing)

    async def _hint_or_stop(self, seconds: float) -> None:
        waits = [asyncio.create_task(self._hints.get()), asyncio.create_task(self._stopping.wait())]
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _sweep(self) -> None:
        while True:
            try:
                await self.recover(f"{self.name}/sweep")
            except Unavailable as error:
                _log.warning("cannot sweep: %s", error)
            except Exception:  # noqa: BLE001 (so does the sweep)
                _log.exception("the sweep ended in an error of ours")
            await asyncio.sleep(self.recover.patience.sweep_every.total_seconds() * random.uniform(0.8, 1.2))  # noqa: S311
