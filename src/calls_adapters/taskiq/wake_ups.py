"""Wake-ups as taskiq messages."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

from taskiq import AsyncBroker, InMemoryBroker
from taskiq.exceptions import SendTaskError
from taskiq.kicker import AsyncKicker

from calls_core.job import JobId
from calls_core.ports import WakeUps

TASK: Final = "calls.wake"
SEND_SECONDS: Final = 5.0

_log = logging.getLogger("calls.wake_ups")


class TaskiqWakeUps(WakeUps):
    """Sends "look at job N" to whichever worker listens."""

    def __init__(self, broker: AsyncBroker) -> None:
        self._broker = broker

    async def wake(self, job_id: JobId) -> None:
        if isinstance(self._broker, InMemoryBroker) and self._broker.find_task(TASK) is None:
            return  # no worker in this process listens, and those elsewhere cannot
        kicker: AsyncKicker[[str], None] = AsyncKicker(task_name=TASK, broker=self._broker, labels={})
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await kicker.kiq(str(job_id))
        except (SendTaskError, TimeoutError, OSError) as error:
            _log.warning("wake-up for job %s was not sent: %s", job_id, error.__cause__ or error)


def make_broker() -> AsyncBroker:
    """Return the broker of the embedded default, whose messages stay in this process."""
    return InMemoryBroker()


def on_wake_up(broker: AsyncBroker, look: Callable[[JobId], Awaitable[None]]) -> None:
    """Have *look* called with the id in every wake-up that this process receives.

    The message is acknowledged when it is received: it is a hint, and the job itself is guarded by its lease.
    """

    async def wake(job_id: str) -> None:
        await look(JobId(UUID(job_id)))

    broker.register_task(wake, task_name=TASK, ack_type="when_received")
