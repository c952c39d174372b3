"""The notifier: gives events their place in the feed and takes them to their destinations."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from calls_app.repeating import repeat
from calls_core.delivery import DeliveryClaim
from calls_core.destination import Destination
from calls_core.errors import CallsError
from calls_core.events import DestinationId
from calls_core.ports import WorkerIsDead
from calls_core.use_cases.deliver_events import DeliverEvent
from calls_core.use_cases.tell_events import TellEvents

LOOK_EVERY: Final = timedelta(seconds=0.5)
AT_A_TIME: Final = 4
"""Deliveries to one destination: a hanging one takes no more than this of what the others need."""
GRACE: Final = timedelta(seconds=5)

_log = logging.getLogger("calls.notifier")


@dataclass(slots=True)
class Notifier:
    """Runs beside the worker. Any number of them may run; none is a leader."""

    tell: TellEvents
    deliver: DeliverEvent
    is_dead: WorkerIsDead
    name: str
    _busy: dict[DestinationId, set[asyncio.Task[None]]] = field(default_factory=lambda: defaultdict(set), init=False)
    _some_ended: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Work in the background of the block. At its end, what is being sent may end for a while."""
        loops = [
            asyncio.create_task(repeat("telling events", self.tell, LOOK_EVERY, _log)),
            asyncio.create_task(repeat("delivering", self._send_due, LOOK_EVERY, _log, self._wait_for_room)),
            asyncio.create_task(repeat("recovering", self._recover, self.deliver.patience.sweep_every, _log)),
        ]
        try:
            yield
        finally:
            for loop in loops:
                loop.cancel()
            await asyncio.wait(loops)
            if sending := {task for tasks in self._busy.values() for task in tasks}:
                _, late = await asyncio.wait(sending, timeout=GRACE.total_seconds())
                for task in late:
                    task.cancel()
                if late:
                    await asyncio.wait(late, timeout=GRACE.total_seconds())

    async def _wait_for_room(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._some_ended.wait()
        except TimeoutError:
            return

    async def _recover(self) -> None:
        deliveries = self.deliver.deliveries
        await deliveries.end_leases([name for name in await deliveries.holders() if self.is_dead(name)])
        if number := await deliveries.requeue_expired(self.deliver.plan.max_attempts):
            _log.info("%d deliveries were taken back from notifiers that died", number)

    async def _send_due(self) -> None:
        self._some_ended.clear()
        for destination in await self.deliver.deliveries.due():
            # One that fails is only felt for: it must not be flooded when it comes back.
            room = (1 if destination.failing_since else AT_A_TIME) - len(self._busy[destination.id])
            if room <= 0:
                continue
            lease = self.deliver.patience.lease
            for claim in await self.deliver.deliveries.claim(destination.id, self.name, lease, room):
                self._start(destination, claim)

    def _start(self, destination: Destination, claim: DeliveryClaim) -> None:
        task = asyncio.create_task(self._sent(destination, claim))
        self._busy[destination.id].add(task)
        task.add_done_callback(lambda done: self._ended(destination.id, done))

    def _ended(self, key: DestinationId, task: asyncio.Task[None]) -> None:
        self._busy[key].discard(task)
        if not self._busy[key]:
            del self._busy[key]
        self._some_ended.set()

    async def _sent(self, destination: Destination, claim: DeliveryClaim) -> None:
        try:
            await self.deliver(destination, claim)
        except asyncio.CancelledError:
            await self._handed_back(claim)
            raise
        except Exception:  # noqa: BLE001 (the lease ends by itself)
            _log.exception("delivery %s met an error of ours", claim.delivery.id)

    async def _handed_back(self, claim: DeliveryClaim) -> None:
        try:
            await self.deliver.deliveries.hand_back(claim)
        except CallsError as error:
            _log.info("delivery %s is left to its lease: %s", claim.delivery.id, error)
