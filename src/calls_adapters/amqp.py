"""Connections to RabbitMQ, which whoever waits for them may be told to give up."""

import asyncio

import aio_pika
from aio_pika.abc import AbstractConnection
from aio_pika.exceptions import AMQPError
from yarl import URL


async def connected(url: str | URL, *, heartbeat: int, timeout: float | None = None) -> AbstractConnection:  # noqa: ASYNC109 (aio-pika's own)
    """Connect, or raise ``AMQPError`` or ``OSError``.

    When the connection fails at the moment at which the task is cancelled, aiormq tells of the failure alone. Whoever
    tries again after a failure would then never end.
    """
    try:
        return await aio_pika.connect(url, timeout=timeout, heartbeat=heartbeat)
    except (AMQPError, OSError) as error:
        if (task := asyncio.current_task()) is not None and task.cancelling():
            raise asyncio.CancelledError from error
        raise
