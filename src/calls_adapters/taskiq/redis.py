"""Wake-ups through a list in Redis."""

import asyncio
from typing import Final

from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import RedisError
from taskiq import BrokerMessage
from taskiq_redis import ListQueueBroker

from calls_adapters.taskiq.broker import KEPT, TAKE_SECONDS, BrokerUnavailable
from calls_adapters.taskiq.messages import TaskiqBroker

LIST: Final = "calls.wake-ups"
CONNECTIONS: Final = 20
CONNECT_SECONDS: Final = 2.0
ANSWER_SECONDS: Final = 3.0

DOWN: Final = (RedisError, OSError)


class BoundedListBroker(TaskiqBroker, ListQueueBroker):
    """taskiq's broker over a list, which is bounded, and whose ``listen()`` outlives the server.

    An entry is taken and deleted by one command (https://redis.io/docs/latest/commands/blpop/), so it is gone with a
    worker that dies of it. No trace is left of workers, and nothing has to be made before the first message.

    Listening has a connection of its own, which stays with it: to borrow one for each message takes longer than to ask.
    """

    def __init__(self, url: str) -> None:
        # There is no timeout of the socket: redis-py starts a task for each command then. Who calls sets one.
        super().__init__(
            url,
            queue_name=LIST,
            max_connection_pool_size=CONNECTIONS,
            socket_connect_timeout=CONNECT_SECONDS,
            socket_timeout=None,
            # A pooled connection that died unseen fails the first command on it.
            retry=Retry(ExponentialBackoff(cap=0.1, base=0.02), 2),
        )
        self._sending: Redis = Redis(connection_pool=self.connection_pool)
        self._listening: AbstractConnection = self.connection_pool.make_connection()  # type: ignore[no-untyped-call]

    async def kick(self, message: BrokerMessage) -> None:
        async with self._sending.pipeline(transaction=False) as both:
            both.rpush(LIST, message.message)
            both.ltrim(LIST, -KEPT, -1)
            await both.execute()

    async def take(self) -> bytes | None:
        try:
            async with asyncio.timeout(TAKE_SECONDS + ANSWER_SECONDS):
                await self._listening.send_command("BLPOP", LIST, int(TAKE_SECONDS))
                found = await self._listening.read_response()
        except DOWN as error:
            raise BrokerUnavailable(f"Redis: {str(error) or 'no answer in time'}") from error
        return found[1] if found else None

    async def check(self) -> str:
        try:
            return f"Redis answers: {await self._sending.llen(LIST)} wake-ups are not read yet"
        except DOWN as error:
            raise BrokerUnavailable(f"Redis: {error}") from error

    async def shutdown(self) -> None:
        await super().shutdown()
        await self._listening.disconnect()
