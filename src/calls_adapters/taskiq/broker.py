"""What a broker of wake-ups can do, and the one whose messages stay in this process."""

import asyncio
import logging
import random
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncGenerator
from typing import Final
from uuid import UUID

from calls_core.errors import Unavailable
from calls_core.job import JobId

QUEUE: Final = "calls.wake"
KEPT: Final = 1000
"""More unread wake-ups tell nothing new: whoever has time for one looks for all work there is."""

TAKE_SECONDS: Final = 5.0
LONGEST_PAUSE: Final = 5.0

_log = logging.getLogger("calls.wake_ups")


class BrokerUnavailable(Unavailable):
    """The broker does not answer."""

    code = "broker-unavailable"


class WakeUpBroker(ABC):
    """A queue of at most about ``KEPT`` messages, of which the oldest go first, each for one listener.

    Connections are opened when they are first used, and again when they are lost: there is no start-up to fail. A
    message is gone from the queue once it is taken: it is a hint, and the job itself is guarded by its lease.
    """

    @abstractmethod
    async def send(self, job_id: JobId) -> None:
        """Put a wake-up into the queue.

        Raises:
            BrokerUnavailable: the broker does not take it.
        """

    @abstractmethod
    async def take(self) -> bytes | None:
        """Wait for a message, at most about ``TAKE_SECONDS``, and take it from the queue; return None if there is none.

        Raises:
            BrokerUnavailable: the broker does not answer.
        """

    @abstractmethod
    def read(self, message: bytes) -> JobId:
        """Return the id in a message that was taken.

        Raises:
            ValueError: it is no wake-up.
        """

    @abstractmethod
    async def check(self) -> str:
        """Return a sentence about the broker.

        Raises:
            BrokerUnavailable: it does not answer.
        """

    @abstractmethod
    async def close(self) -> None:
        """Close what was opened."""

    async def listen(self) -> AsyncGenerator[bytes, None]:
        """Yield messages, for ever: while the broker is down, ask again every few seconds.

        Nothing is taken from the queue before the reader asks for the next message.
        """
        pause = 0.0
        while True:
            try:
                message = await self.take()
            except Exception as error:  # noqa: BLE001 (a listener outlives whatever a driver raises)
                if not pause:
                    unexpected = not isinstance(error, BrokerUnavailable)
                    _log.warning("no wake-ups are heard, work is looked for: %s", error, exc_info=unexpected)
                pause = min(LONGEST_PAUSE, pause * 2 or 0.1)
                await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 (spreads load, hides nothing)
                continue
            if pause:
                _log.info("wake-ups are heard again")
                pause = 0.0
            if message is not None:
                yield message


class MemoryBroker(WakeUpBroker):
    """For the embedded default: sender and listener are one process."""

    def __init__(self) -> None:
        self._messages: deque[bytes] = deque(maxlen=KEPT)
        self._arrived = asyncio.Event()

    async def send(self, job_id: JobId) -> None:
        self._messages.append(job_id.bytes)
        self._arrived.set()

    async def take(self) -> bytes | None:
        while not self._messages:
            self._arrived.clear()
            await self._arrived.wait()
        return self._messages.popleft()

    def read(self, message: bytes) -> JobId:
        return JobId(UUID(bytes=message))

    async def check(self) -> str:
        return "in this process"

    async def close(self) -> None:
        """Nothing was opened."""
