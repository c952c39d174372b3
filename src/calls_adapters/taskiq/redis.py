"""Wake-ups through a stream in Redis."""

from typing import Final, cast

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import RedisError, ResponseError
from taskiq_redis import RedisStreamBroker

from calls_adapters.taskiq.broker import KEPT, QUEUE, TAKE_SECONDS, BrokerUnavailable
from calls_adapters.taskiq.messages import TaskiqBroker

CONNECTIONS: Final = 20
CONNECT_SECONDS: Final = 2.0


class SteadyStreamBroker(TaskiqBroker, RedisStreamBroker):  # type: ignore[misc] # its messages need no acknowledgement
    """taskiq's broker over streams, whose ``listen()`` outlives the server (https://redis.io/docs/latest/commands/xreadgroup/).

    The group begins at the start of the stream, so that nothing is missed that was sent before the first worker came.
    An entry is read without a claim on it (NOACK) and deleted at once; the stream is trimmed when it is written to,
    so entries that a dying worker has read and not deleted go too. All workers are one consumer, since nobody's claims
    have to be told apart: thus no trace is left of those that are gone.
    """

    def __init__(self, url: str) -> None:
        super().__init__(
            url,
            queue_name=QUEUE,
            consumer_group_name=QUEUE,
            consumer_name="workers",
            consumer_id="0",
            maxlen=KEPT,
            max_connection_pool_size=CONNECTIONS,
            socket_connect_timeout=CONNECT_SECONDS,
            socket_timeout=TAKE_SECONDS * 2,  # a quiet read must end by itself before it
            # A pooled connection that died unseen fails the first command on it.
            retry=Retry(ExponentialBackoff(cap=0.1, base=0.02), 2),
        )

    async def startup(self) -> None:
        """Need no server: whoever finds that there is no group makes one."""

    async def take(self) -> bytes | None:
        try:
            async with Redis(connection_pool=self.connection_pool) as redis:
                try:
                    found = await redis.xreadgroup(
                        QUEUE, self.consumer_name, {QUEUE: ">"}, count=1, block=int(TAKE_SECONDS * 1000), noack=True
                    )
                except ResponseError as error:
                    if "NOGROUP" not in str(error) and "UNBLOCKED" not in str(error):
                        raise
                    # No worker was here before, or the server has lost all it knew.
                    await redis.xgroup_create(QUEUE, QUEUE, id=self.consumer_id, mkstream=True)
                    return None
                for _, entries in cast("list[tuple[bytes, list[tuple[bytes, dict[bytes, bytes]]]]]", found or []):
                    for entry, fields in entries:
                        await redis.xdel(QUEUE, entry)
                        return fields.get(b"data", b"")
        except (RedisError, OSError) as error:
            if "BUSYGROUP" in str(error):
                return None
            raise BrokerUnavailable(f"Redis: {error}") from error
        return None

    async def check(self) -> str:
        try:
            async with Redis(connection_pool=self.connection_pool) as redis:
                return f"Redis answers: {await redis.xlen(QUEUE)} wake-ups are not read yet"
        except (RedisError, OSError) as error:
            raise BrokerUnavailable(f"Redis: {error}") from error
