"""Wake-ups through a queue of RabbitMQ (AMQP 0-9-1)."""

import asyncio
import logging
from typing import Any, Final

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage, AbstractQueue
from aio_pika.connection import make_url
from aio_pika.exceptions import AMQPError, DeliveryError
from pamqp.common import FieldValue
from taskiq import BrokerMessage

from calls_adapters.amqp import connected
from calls_adapters.taskiq.broker import KEPT, QUEUE, TAKE_SECONDS, BrokerUnavailable
from calls_adapters.taskiq.messages import TaskiqBroker

HEARTBEAT_SECONDS: Final = 5
CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 3.0
CLOSE_SECONDS: Final = 1.0

DOWN: Final = (AMQPError, OSError, RuntimeError)
"""What aio-pika raises when the server is gone; RuntimeError when a channel is used that has just been closed."""

_log = logging.getLogger("calls.wake_ups")


class Line:
    """One connection with one channel, opened when it is needed and again when it was lost."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._opening = asyncio.Lock()
        self._connection: AbstractConnection | None = None
        self._channel: AbstractChannel | None = None

    async def channel(self) -> AbstractChannel:
        async with self._opening:
            if self._channel is not None and not self._channel.is_closed:
                return self._channel
            await self.close()
            connection = await connected(self._url, timeout=CONNECT_SECONDS, heartbeat=HEARTBEAT_SECONDS)
            self._connection = connection
            channel = await connection.channel(on_return_raises=True)
            await channel.set_qos(prefetch_count=1)
            await declared(channel)
            self._channel = channel
            return channel

    async def close(self) -> None:
        connection, self._connection, self._channel = self._connection, None, None
        if connection is None:
            return
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await connection.close()
        except DOWN as error:
            _log.debug("a connection to RabbitMQ ended without a goodbye: %s", error)


class RabbitBroker(TaskiqBroker):
    """A bounded classic queue behind the default exchange.

    taskiq-aio-pika is not used: it declares a queue of dead letters, which would keep every wake-up that the bounded
    queue drops; its ``kick()`` says nothing of a message that no queue took; and its consumer holds messages that the
    worker has no time for, while others are idle. Here a consumer exists only while somebody waits for a message.

    Sending and listening have a connection each, since RabbitMQ stops reading from those who publish when it is short
    of memory.
    """

    def __init__(self, url: str) -> None:
        """Raise ``ValueError`` if *url* cannot be read; nothing is connected yet."""
        super().__init__()
        make_url(url)
        self._sending = Line(url)
        self._listening = Line(url)

    async def kick(self, message: BrokerMessage) -> None:
        channel = await self._sending.channel()
        letter = aio_pika.Message(message.message, delivery_mode=aio_pika.DeliveryMode.NOT_PERSISTENT)
        try:
            await channel.default_exchange.publish(letter, routing_key=QUEUE, mandatory=True)
        except DeliveryError:
            # Returned: there is no such queue any more, and RabbitMQ would go on to drop what is sent to it.
            _log.warning("the queue %s was gone from RabbitMQ and is made again", QUEUE)
            await declared(channel)
            await channel.default_exchange.publish(letter, routing_key=QUEUE, mandatory=True)

    async def take(self) -> bytes | None:
        try:
            async with asyncio.timeout(TAKE_SECONDS + ANSWER_SECONDS):
                return await _next(await self._listening.channel())
        except asyncio.CancelledError:
            await self._listening.close()
            raise
        except DOWN as error:
            await self._listening.close()
            raise BrokerUnavailable(f"RabbitMQ: {_sentence(error)}") from error

    async def check(self) -> str:
        try:
            queue = await declared(await self._sending.channel())
        except DOWN as error:
            raise BrokerUnavailable(f"RabbitMQ: {_sentence(error)}") from error
        return f"RabbitMQ answers: {queue.declaration_result.message_count} wake-ups are not read yet"

    async def shutdown(self) -> None:
        await super().shutdown()
        await self._sending.close()
        await self._listening.close()


async def declared(channel: AbstractChannel) -> AbstractQueue:
    """Make the queue, if it is not there, and return it with the number of its messages."""
    arguments: dict[str, FieldValue] = {"x-queue-type": "classic", "x-max-length": KEPT, "x-overflow": "drop-head"}
    return await channel.declare_queue(QUEUE, durable=True, arguments=arguments)


def _sentence(error: Exception) -> str:
    return "no answer in time" if isinstance(error, TimeoutError) else str(error) or type(error).__name__


async def _next(channel: AbstractChannel) -> bytes | None:
    """Consume one message. What goes wrong ends with the connection, which returns a message that was on its way."""
    queue = await declared(channel)
    arrived: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    closed = asyncio.ensure_future(channel.closed())

    async def keep(message: AbstractIncomingMessage) -> None:
        arrived.set_result(message)  # once: no second message comes before the first is acknowledged

    consumer = await queue.consume(keep)
    try:
        await asyncio.wait({arrived, closed}, timeout=TAKE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    finally:
        closed.cancel()
    await queue.cancel(consumer)
    if not arrived.done():
        return None
    message: AbstractIncomingMessage = arrived.result()
    # After the consumer has ended, or the next message would already have been on its way.
    await message.ack()
    return message.body
