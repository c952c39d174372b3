"""Wake-ups through a broker."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final
from urllib.parse import urlsplit

from calls_adapters.taskiq.broker import BrokerUnavailable, MemoryBroker, WakeUpBroker
from calls_core.job import JobId
from calls_core.ports import Telemetry, WakeUps

SEND_SECONDS: Final = 2.0
PROBE_SECONDS: Final = 2.0

_log = logging.getLogger("calls.wake_ups")


class TaskiqWakeUps(WakeUps):
    """Sends "look at job N" to whichever worker listens.

    While the broker does not take them, one in ``PROBE_SECONDS`` is tried, and nobody waits for the others.
    """

    def __init__(self, broker: WakeUpBroker, telemetry: Telemetry) -> None:
        self._broker = broker
        self._telemetry = telemetry
        self._failing = False
        self._next_probe = 0.0

    async def wake(self, job_id: JobId) -> None:
        with self._telemetry.span("wake up", job_id=str(job_id)) as span:
            failure = await self._send(job_id)
            span.tell(outcome="sent" if failure is None else "failed")
        self._telemetry.wake_up(sent=failure is None)
        self._note(failure)

    async def _send(self, job_id: JobId) -> str | None:
        """Return why the wake-up was not sent, None if it was."""
        if self._failing:
            now = time.monotonic()
            if now < self._next_probe:
                return "the broker did not answer a moment ago"
            self._next_probe = now + PROBE_SECONDS
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._broker.send(job_id)
        except TimeoutError:
            return f"no answer within {SEND_SECONDS:g} seconds"
        except BrokerUnavailable as error:
            return str(error)
        return None

    def _note(self, failure: str | None) -> None:
        if failure is not None and not self._failing:
            _log.warning("wake-ups are not sent, workers find their work by looking for it: %s", failure)
            self._next_probe = time.monotonic() + PROBE_SECONDS
        if failure is None and self._failing:
            _log.info("wake-ups are sent again")
        self._failing = failure is not None


def make_broker(url: str) -> WakeUpBroker:
    """Return the broker that *url* names; it connects when it is first used.

    Raises:
        ValueError: *url* is not that of a broker. The message does not repeat it, since it holds a password.
    """
    try:
        match urlsplit(url).scheme:
            case "memory":
                return MemoryBroker()
            case "redis" | "rediss":
                from calls_adapters.taskiq.redis import BoundedListBroker  # noqa: PLC0415 (start-up time and memory)

                return BoundedListBroker(url)
            case "amqp" | "amqps":
                from calls_adapters.taskiq.rabbitmq import RabbitBroker  # noqa: PLC0415 (start-up time and memory)

                return RabbitBroker(url)
            case scheme:
                raise NotImplementedError(scheme)
    except ValueError:
        raise ValueError("is not a URL; are the special characters of its password percent-encoded?") from None


async def heard(broker: WakeUpBroker) -> AsyncGenerator[JobId, None]:
    """Yield the id in every wake-up that reaches this process, for ever, each when it is asked for.

    taskiq's own receiver is not used: it takes messages while the worker is busy, away from workers that are idle.
    """
    async with aclosing(broker.listen()) as messages:
        async for message in messages:
            try:
                job_id = broker.read(message)
            except ValueError as error:
                _log.warning("a message that is no wake-up was dropped: %s", error)
                continue
            yield job_id
