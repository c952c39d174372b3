"""Events to a topic exchange of RabbitMQ (AMQP 0-9-1)."""

import asyncio
import ipaddress
import socket
import time
from collections.abc import Sequence
from typing import Final

import aio_pika
from aio_pika.abc import AbstractConnection, AbstractExchange
from aio_pika.exceptions import AMQPError
from yarl import URL

from calls_adapters.amqp import connected
from calls_adapters.outbound.addresses import AddressPolicy
from calls_core.delivery import Attempt
from calls_core.destination import Destination, DestinationDetails
from calls_core.errors import AddressRefused, DeliveryFailed, FieldError, ReceiverUnreachable
from calls_core.events import DestinationId, Event
from calls_core.ports import Clock, Sender

EXCHANGE: Final = "calls.events"


class AmqpSender(Sender):
    """Publishes the bodies of webhooks under the type as routing key, persistent and confirmed. That no queue is bound
    is no failure: a topic exchange is for whoever listens. One connection for each destination."""

    def __init__(self, policy: AddressPolicy, clock: Clock, *, seconds: float) -> None:
        self._policy = policy
        self._clock = clock
        self._seconds = seconds
        self._lines: dict[DestinationId, tuple[str, AbstractConnection, AbstractExchange]] = {}
        self._opening: dict[DestinationId, asyncio.Lock] = {}

    def faults(self, details: DestinationDetails) -> Sequence[FieldError]:
        del details
        return ()

    async def send(self, destination: Destination, event: Event, body: bytes) -> Attempt:
        at, began = self._clock(), time.monotonic()
        error: DeliveryFailed | None = None
        try:
            async with asyncio.timeout(self._seconds):
                exchange = await self._exchange(destination)
                message = aio_pika.Message(
                    body,
                    content_type="application/json",
                    delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
                    message_id=str(event.id),
                    timestamp=event.occurred_at,
                    type=event.type.value,
                    app_id="calls",
                )
                await exchange.publish(message, routing_key=event.type.value, mandatory=False)
        except TimeoutError:
            error = ReceiverUnreachable(f"no confirmation within {self._seconds:g} seconds")
        except AddressRefused as refused:
            error = refused
        except (AMQPError, OSError, RuntimeError) as failure:
            error = ReceiverUnreachable(f"RabbitMQ: {str(failure) or type(failure).__name__}")
        if error:
            await self._drop(destination.id)
        duration = round((time.monotonic() - began) * 1000)
        return Attempt(at=at, duration_ms=duration, error=error.reason if error else None)

    async def close(self) -> None:
        for key in tuple(self._lines):
            await self._drop(key)

    async def _exchange(self, destination: Destination) -> AbstractExchange:
        url = destination.details.url
        async with self._opening.setdefault(destination.id, asyncio.Lock()):
            if line := self._lines.get(destination.id):
                known, connection, exchange = line
                if known == url and not connection.is_closed:
                    return exchange
                await self._drop(destination.id)
            connection = await connected(await self._judged(URL(url)), heartbeat=10)
            channel = await connection.channel(publisher_confirms=True)
            exchange = await channel.declare_exchange(EXCHANGE, aio_pika.ExchangeType.TOPIC, durable=True)
            self._lines[destination.id] = (url, connection, exchange)
            return exchange

    async def _judged(self, url: URL) -> URL:
        """Return the address to dial: of a name, the one that was judged, so that no second look-up can tell another.
        Where TLS checks the name, it is dialled by its name: no inner host can prove to be it."""
        try:
            infos = await asyncio.get_running_loop().getaddrinfo(url.host, url.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            msg = f"cannot resolve {url.host}"
            raise OSError(msg) from error
        found = [str(info[4][0]).split("%")[0] for info in infos]
        if not found or not all(self._policy.permits(ipaddress.ip_address(text)) for text in found):
            msg = f"{url.host} resolves to an address that is not allowed (WEBHOOK_ALLOW_CIDRS)"
            raise AddressRefused(msg)
        return url if url.scheme == "amqps" else url.with_host(found[0])

    async def _drop(self, key: DestinationId) -> None:
        line = self._lines.pop(key, None)
        if line is None:
            return
        try:
            async with asyncio.timeout(1):
                await line[1].close()
        except (AMQPError, OSError, RuntimeError):
            return
