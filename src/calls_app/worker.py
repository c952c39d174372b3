"""The worker: takes jobs from the database, and sweeps."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from calls_adapters.taskiq.broker import WakeUpBroker
from calls_adapters.taskiq.wake_ups import heard
from calls_app.repeating import repeat, spread
from calls_core.errors import Unavailable
from calls_core.job import JobId
from calls_core.use_cases.process_recording import ProcessRecording
from calls_core.use_cases.recover_work import RecoverWork

POLL_EVERY: Final = timedelta(seconds=5)
GRACE: Final = timedelta(seconds=20)

_log = logging.getLogger("calls.worker")


@dataclass(slots=True)
class Worker:
    """Runs *concurrency* jobs at a time.

    A wake-up only makes it look sooner; without any, it looks every few seconds. None is taken from the broker while
    every slot is busy, so that it reaches a worker that has time. Stopping lets running jobs end for a
    while and then hands them back, which costs them no attempt.
    """

    process: ProcessRecording
    recover: RecoverWork
    broker: WakeUpBroker
    concurrency: int
    name: str
    _idle: deque[asyncio.Future[JobId]] = field(default_factory=deque)
    _some_idle: asyncio.Event = field(default_factory=asyncio.Event)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Work in the background of the block."""
        self.process.telemetry.slots(self.concurrency)
        sweeping = repeat("the sweep", self._sweep, self.recover.patience.sweep_every, _log)
        beside = [asyncio.create_task(sweeping), asyncio.create_task(self._listen())]
        slots = [asyncio.create_task(self._work(f"{self.name}/{n}")) for n in range(self.concurrency)]
        try:
            yield
        finally:
            self._stopping.set()
            for task in beside:
                task.cancel()
            await asyncio.wait(slots, timeout=GRACE.total_seconds())
            for slot in slots:
                slot.cancel()
            await asyncio.wait([*beside, *slots], timeout=GRACE.total_seconds())

    async def _listen(self) -> None:
        """Hand wake-ups to idle slots; one that comes when they have just found work by themselves is passed on."""
        async with aclosing(heard(self.broker)) as wake_ups:
            while True:
                await self._some_idle.wait()
                job_id = await anext(wake_ups)
                if self._idle:
                    self._idle.popleft().set_result(job_id)
                else:
                    await self.recover.wake_ups.wake(job_id)
                self._note_idle()

    async def _work(self, slot: str) -> None:
        while not self._stopping.is_set():
            try:
                while not self._stopping.is_set() and await self.process(slot) is not None:
                    pass
            except Unavailable as error:
                _log.warning("cannot look for work: %s", error)
            except Exception:  # noqa: BLE001 (a worker outlives whatever a job does to it)
                _log.exception("a job ended in an error of ours; the sweep will take it up")
            await self._told_or_stop(spread(POLL_EVERY))

    async def _told_or_stop(self, seconds: float) -> None:
        told: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        stopped: asyncio.Future[Any] = asyncio.create_task(self._stopping.wait())
        self._idle.append(told)
        self._note_idle()
        try:
            await asyncio.wait({told, stopped}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopped.cancel()
            if told in self._idle:
                self._idle.remove(told)
            self._note_idle()

    def _note_idle(self) -> None:
        if self._idle:
            self._some_idle.set()
        else:
            self._some_idle.clear()

    async def _sweep(self) -> None:
        await self.recover(f"{self.name}/sweep")
