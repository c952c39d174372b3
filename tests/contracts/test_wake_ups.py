"""Wake-ups through every broker: heard soon, by one listener each, and no trouble when the broker is away."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from uuid import uuid4

import pytest
from taskiq import BrokerMessage

from calls_adapters.memory import MemoryTelemetry
from calls_adapters.taskiq.broker import KEPT, BrokerUnavailable, WakeUpBroker
from calls_adapters.taskiq.messages import TaskiqBroker
from calls_adapters.taskiq.wake_ups import PROBE_SECONDS, SEND_SECONDS, TaskiqWakeUps, heard, make_broker
from calls_core.job import JobId
from tests.servers.rabbitmq import RabbitServer
from tests.servers.redis import RedisServer

pytestmark = pytest.mark.anyio

Server = RedisServer | RabbitServer
SERVERS = [
    pytest.param("redis", marks=pytest.mark.requires("redis")),
    pytest.param("rabbitmq", marks=pytest.mark.requires("rabbitmq")),
]
# RabbitMQ may take more than half a minute to come back on a machine that has other things to do.
PATIENCE_SEC = 120
STALL_SEC = 10
NOBODY = ["redis://127.0.0.1:9/0", "amqp://guest:guest@127.0.0.1:9/"]

Brokers = Callable[[str], WakeUpBroker]


@pytest.fixture
async def brokers() -> AsyncIterator[Brokers]:
    """Makes brokers and closes them in the end."""
    made: list[WakeUpBroker] = []

    def make(url: str) -> WakeUpBroker:
        made.append(make_broker(url))
        return made[-1]

    yield make
    for broker in made:
        await broker.close()


@pytest.fixture
async def server(request: pytest.FixtureRequest) -> Server:
    """A server with no wake-ups in it; for tests that are parametrized with ``SERVERS``, indirectly."""
    running: Server = request.getfixturevalue({"redis": "redis_server", "rabbitmq": "rabbit_server"}[request.param])
    await running.wipe()
    return running


@pytest.fixture(params=["memory", *SERVERS])
async def pair(request: pytest.FixtureRequest, brokers: Brokers) -> tuple[WakeUpBroker, WakeUpBroker]:
    """Two brokers over one empty queue, as two processes have them; in memory, where it is one process, it is one."""
    if request.param == "memory":
        one = brokers("memory://")
        return one, one
    name = {"redis": "redis_server", "rabbitmq": "rabbit_server"}[request.param]
    running: Server = request.getfixturevalue(name)
    await running.wipe()
    return brokers(running.url), brokers(running.url)


def sender(broker: WakeUpBroker) -> TaskiqWakeUps:
    return TaskiqWakeUps(broker, MemoryTelemetry())


def some_id() -> JobId:
    return JobId(uuid4())


@asynccontextmanager
async def listening(broker: WakeUpBroker) -> AsyncIterator[Callable[[], Awaitable[JobId]]]:
    """Lend what waits for the next wake-up that *broker* hears."""
    async with aclosing(heard(broker)) as ids:

        async def following() -> JobId:
            async with asyncio.timeout(PATIENCE_SEC):
                return await anext(ids)

        yield following


async def test_what_was_sent_before_anybody_listened_is_heard(pair: tuple[WakeUpBroker, WakeUpBroker]) -> None:
    """The first worker of all hears of the upload that came before it; the order is that of sending."""
    ids = [some_id(), some_id()]
    for job_id in ids:
        await sender(pair[0]).wake(job_id)
    async with listening(pair[1]) as following:
        assert [await following(), await following()] == ids


async def test_it_is_heard_at_once(pair: tuple[WakeUpBroker, WakeUpBroker]) -> None:
    """Who waits hears within a fraction of the time after which they would look by themselves."""
    async with listening(pair[1]) as following:
        waiting = asyncio.ensure_future(following())
        await asyncio.sleep(0.3)
        job_id, began = some_id(), time.monotonic()
        await sender(pair[0]).wake(job_id)
        assert await waiting == job_id
        assert time.monotonic() - began < 5


async def test_each_is_heard_by_one(pair: tuple[WakeUpBroker, WakeUpBroker]) -> None:
    """Two listeners share what comes, and nothing is left."""
    ids = {some_id() for _ in range(20)}
    async with listening(pair[0]) as left, listening(pair[1]) as right:
        for job_id in ids:
            await sender(pair[0]).wake(job_id)
        found = [await following() for _ in range(10) for following in (left, right)]
    assert (set(found), len(found)) == (ids, 20)


async def test_who_is_busy_takes_nothing(pair: tuple[WakeUpBroker, WakeUpBroker]) -> None:
    """A listener that does not ask for the next leaves it to the others, even if it has listened before."""
    async with listening(pair[0]) as busy, listening(pair[1]) as idle:
        await sender(pair[0]).wake(some_id())
        await busy()
        ids = [some_id() for _ in range(5)]
        for job_id in ids:
            await sender(pair[0]).wake(job_id)
        assert [await idle() for _ in ids] == ids


@pytest.mark.parametrize("server", SERVERS, indirect=True)
async def test_a_message_that_is_no_wake_up_is_dropped(
    server: Server, brokers: Brokers, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever else is put into the queue, the next wake-up is heard."""
    broker = brokers(server.url)
    assert isinstance(broker, TaskiqBroker)
    rubbish = (b"", b"\xff\x00", b"nobody", b'{"task_name": "calls.wake", "args": ["%s"]}' % str(some_id()).encode())
    for body in rubbish:
        await broker.kick(BrokerMessage(task_id="x", task_name="x", message=body, labels={}))
    job_id = some_id()
    await sender(broker).wake(job_id)
    async with listening(broker) as following:
        assert await following() == job_id
    assert caplog.text.count("no wake-up was dropped") == len(rubbish)


@pytest.mark.parametrize("server", SERVERS, indirect=True)
async def test_the_queue_is_bounded(server: Server, brokers: Brokers) -> None:
    """With nobody to listen, five thousand wake-ups leave about a thousand: the latest."""
    broker = brokers(server.url)
    wake_ups, last = sender(broker), some_id()
    for _ in range(100):
        await asyncio.gather(*(wake_ups.wake(some_id()) for _ in range(50)))
    await wake_ups.wake(last)
    assert KEPT * 0.9 <= await server.unread() <= KEPT * 1.1


@pytest.mark.parametrize("server", SERVERS, indirect=True)
async def test_what_is_heard_is_gone(server: Server, brokers: Brokers) -> None:
    """Nothing of a wake-up stays behind on the server."""
    broker = brokers(server.url)
    async with listening(broker) as following:
        for _ in range(3):
            await sender(broker).wake(some_id())
            await following()
    assert await server.unread() == 0


@pytest.mark.parametrize("server", SERVERS, indirect=True)
async def test_a_listener_outlives_the_server(
    server: Server, brokers: Brokers, caplog: pytest.LogCaptureFixture
) -> None:
    """Killed and started again, it is used again by those who were connected and by those who came meanwhile."""
    caplog.set_level(logging.INFO, "calls.wake_ups")
    wake_ups, listener = sender(brokers(server.url)), brokers(server.url)
    async with listening(listener) as following, listening(brokers(server.url)) as newcomer:
        waiting = asyncio.ensure_future(following())
        await wake_ups.wake(some_id())
        await waiting
        waiting = asyncio.ensure_future(following())
        await asyncio.sleep(0.3)
        server.kill()
        coming = asyncio.ensure_future(newcomer())
        await wake_ups.wake(some_id())
        await asyncio.to_thread(server.start)
        async with asyncio.timeout(PATIENCE_SEC):
            while not (waiting.done() and coming.done()):
                await wake_ups.wake(some_id())
                await asyncio.sleep(0.1)
    assert [waiting.result(), coming.result()]
    for said in ("wake-ups are not sent", "wake-ups are sent again"):
        assert caplog.text.count(said) == 1, "once for each change"


@pytest.mark.parametrize("server", SERVERS, indirect=True)
async def test_a_listener_outlives_the_queue(server: Server, brokers: Brokers) -> None:
    """The queue removed from the server, with all that it knew of listeners: both sides make it again."""
    wake_ups = sender(brokers(server.url))
    async with listening(brokers(server.url)) as following:
        waiting = asyncio.ensure_future(following())
        await asyncio.sleep(0.3)
        await server.wipe()
        job_id = some_id()
        await wake_ups.wake(job_id)
        assert await waiting == job_id


@pytest.mark.parametrize("server", SERVERS, indirect=True)
async def test_a_sender_notices_that_the_queue_is_gone(server: Server, brokers: Brokers) -> None:
    """What would be dropped, since there is no queue for it, is sent again once there is."""
    wake_ups = sender(brokers(server.url))
    await wake_ups.wake(some_id())
    await server.wipe()
    job_id = some_id()
    await wake_ups.wake(job_id)
    async with listening(brokers(server.url)) as following:
        assert await following() == job_id


@pytest.mark.parametrize("server", SERVERS, indirect=True)
async def test_a_server_that_hangs_makes_few_wait(server: Server, brokers: Brokers) -> None:
    """While nothing answers, one sender waits a little, and those after it do not; afterwards all is as before."""
    broker = brokers(server.url)
    wake_ups = sender(broker)
    await wake_ups.wake(some_id())
    listener = brokers(server.url)
    ids = heard(listener)
    await anext(ids)
    waiting = asyncio.ensure_future(anext(ids))
    await asyncio.sleep(0.3)
    server.pause()
    try:
        began = time.monotonic()
        await wake_ups.wake(some_id())
        assert time.monotonic() - began < SEND_SECONDS + STALL_SEC
        began = time.monotonic()
        for _ in range(100):
            await wake_ups.wake(some_id())
        assert time.monotonic() - began < SEND_SECONDS + STALL_SEC
        with pytest.raises((BrokerUnavailable, TimeoutError)):
            async with asyncio.timeout(1):
                await broker.check()
        began = time.monotonic()
        waiting.cancel()
        await asyncio.wait([waiting])
        await listener.close()
        await broker.close()
        assert time.monotonic() - began < STALL_SEC
    finally:
        server.resume()
    await asyncio.sleep(PROBE_SECONDS)
    await server.wipe()
    fresh = brokers(server.url)
    await sender(fresh).wake(some_id())
    assert await server.unread() == 1


@pytest.mark.parametrize("url", NOBODY)
async def test_without_a_server_nobody_waits(url: str, brokers: Brokers, caplog: pytest.LogCaptureFixture) -> None:
    """Sending says once that it fails, and raises nothing; ending takes no time."""
    broker = brokers(url)
    wake_ups, began = sender(broker), time.monotonic()
    for _ in range(100):
        await wake_ups.wake(some_id())
    assert caplog.text.count("wake-ups are not sent") == 1
    with pytest.raises(BrokerUnavailable, match="9"):
        await broker.check()
    waiting = asyncio.ensure_future(anext(heard(broker)))
    await asyncio.sleep(0.2)
    waiting.cancel()
    await asyncio.wait([waiting])
    await broker.close()
    assert time.monotonic() - began < STALL_SEC


@pytest.mark.parametrize("url", NOBODY)
async def test_who_stops_listening_is_let_go(url: str, brokers: Brokers) -> None:
    """At whatever moment of connecting it is: also when that fails at the same time."""
    for turns in range(60):
        waiting = asyncio.ensure_future(anext(heard(brokers(url))))
        for _ in range(turns):
            await asyncio.sleep(0)
        waiting.cancel()
        assert (await asyncio.wait([waiting], timeout=20))[0] == {waiting}


@pytest.mark.parametrize("server", SERVERS, indirect=True)
async def test_the_check_tells_what_waits(server: Server, brokers: Brokers) -> None:
    """The sentence for health and doctor counts what nobody has read."""
    broker = brokers(server.url)
    assert "0 wake-ups" in await broker.check()
    await sender(broker).wake(some_id())
    assert "1 wake-ups" in await broker.check()


@pytest.mark.parametrize("url", ["redis://:p/w@127.0.0.1:1/0", "amqp://u:p/w@127.0.0.1:1/"])
def test_a_url_that_is_none_is_refused_without_its_password(url: str) -> None:
    """A password that was not percent-encoded is the usual mistake, and is not repeated."""
    with pytest.raises(ValueError, match="percent-encoded") as refused:
        make_broker(url)
    assert "p/w" not in str(refused.value)
