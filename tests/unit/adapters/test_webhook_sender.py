"""Sending events: where never, and what each answer means."""

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpcore2
import pytest

from calls_adapters.outbound.addresses import AddressPolicy
from calls_adapters.outbound.webhook import WebhookSender
from calls_core.delivery import Attempt, RetryPlan
from calls_core.destination import Destination, DestinationDetails, new_secret
from calls_core.errors import InvalidDestination
from calls_core.events import DestinationId, Event, EventId, EventType
from tests.unit.adapters.test_outbound import LOOPBACK, NEVER

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
ID = UUID(int=7)
EVENT = Event(id=EventId(ID), type=EventType.CALL_READY, call_id=None, occurred_at=NOW)
SPELLINGS = ("2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "017700000001", "127.1", "127.0.1", "0", "0x0")
INSIDE = ("127.0.0.1", "10.0.0.1", "169.254.169.254", "192.168.0.10")


def hostile() -> Iterator[str]:
    """Addresses of this machine, its network and no host at all, in the ways in which they can be written."""
    for text in NEVER:
        yield f"http://[{text}]/hook" if ":" in text else f"http://{text}/hook"
    for text in INSIDE:
        number = int(ipaddress.ip_address(text))
        yield from (f"http://{number}/", f"http://{number:#x}/", f"http://{number:#o}/".replace("0o", "0"))
        yield from (
            f"https://{text}:8443/hook",
            f"http://{text}:22/",
            f"http://[::ffff:{text}]/",
            f"http://[::{text}]/",
        )
    for text in SPELLINGS:
        yield f"http://{text}/"
    yield from ("http://localhost/", "http://LOCALHOST:5432/", "https://localhost/hook")


def destination(url: str) -> Destination:
    return Destination(
        id=DestinationId(ID), details=DestinationDetails(url=url), secret=new_secret(), created_at=NOW, updated_at=NOW
    )


async def sent(url: str, policy: AddressPolicy = LOOPBACK, seconds: float = 5) -> Attempt:
    sender = WebhookSender(policy, lambda: NOW, seconds=seconds, user_agent="Calls")
    try:
        return await sender.send(destination(url), EVENT, b"{}")
    finally:
        await sender.close()


async def test_hostile_addresses_are_never_dialled(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than sixty are accepted as URLs, and every one is refused when it comes to connecting."""
    dialled = []

    async def dial(_: object, host: str, *_arguments: object) -> None:
        dialled.append(host)
        raise httpcore2.ConnectError(host)

    monkeypatch.setattr(httpcore2.AnyIOBackend, "connect_tcp", dial)
    urls = sorted(set(hostile()))
    for url in urls:
        DestinationDetails(url=url).checked()
    sender = WebhookSender(AddressPolicy(), lambda: NOW, seconds=5, user_agent="Calls")
    attempts = {url: await sender.send(destination(url), EVENT, b"{}") for url in urls}
    await sender.close()
    codes = {url: attempt.error and attempt.error.code for url, attempt in attempts.items()}

    assert {url: code for url, code in codes.items() if code != "address-refused"} == {}
    assert dialled == []
    assert len(urls) > 60


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://8.8.8.8/", "file:///etc/passwd", "http:///hook", "hook", "http://u:p@host/", "http://[::1/"),
        *("http://host/ü", "http://host/" + "x" * 2048, "amqp://host/", "//host/", "http://h/a b", "http://h:x/"),
    ],
)
def test_what_is_no_address_is_not_stored(url: str) -> None:
    """Nothing but HTTP, no user names, nothing that would have to be guessed."""
    with pytest.raises(InvalidDestination):
        DestinationDetails(url=url).checked()


@asynccontextmanager
async def answering(answer: bytes, *, hang: bool = False) -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        if hang:
            with suppress(ConnectionResetError):  # of a client that has had enough
                await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook?token=secret"


@pytest.mark.parametrize(
    ("head", "code"),
    [
        ("200 OK", None),
        ("204 No Content", None),
        ("302 Found\r\nLocation: http://127.0.0.1:1/", "receiver-refused"),
        ("307 Temporary Redirect\r\nLocation: http://127.0.0.1:1/", "receiver-refused"),
        ("410 Gone", "receiver-refused"),
        ("503 Service Unavailable", "receiver-refused"),
        ("nonsense", "receiver-unreachable"),
    ],
)
async def test_only_2xx_accepts(head: str, code: str | None) -> None:
    """A redirect is an answer like any other; no address leaks into what is logged."""
    async with answering(f"HTTP/1.1 {head}\r\nContent-Length: 0\r\n\r\n".encode()) as url:
        attempt = await sent(url)
    assert (attempt.error and attempt.error.code) == code
    assert attempt.error is None or "secret" not in attempt.error.detail


async def test_an_endless_answer_is_cut() -> None:
    """The first KiB is kept; nothing waits for the rest."""
    async with answering(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 500_000, hang=True) as url:
        attempt = await sent(url)
    assert (attempt.is_accepted, len(attempt.head)) == (True, 1024)


async def test_a_hanging_answer_is_given_up() -> None:
    """In all it may take so long, whatever trickles in meanwhile; the status is told if it came."""
    async with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", hang=True) as url:
        attempt = await sent(url, seconds=1)
    assert attempt.error is not None
    assert (attempt.status, attempt.error.code, attempt.head) == (200, "receiver-unreachable", "ab")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        ("Sun, 22 Nov 2026 09:31:00 GMT", 60),
        ("Sun, 22 Nov 2026 09:00:00 GMT", 0),
        ("soon", None),
        ("", None),
    ],
)
async def test_a_receiver_may_ask_for_time(text: str, seconds: int | None) -> None:
    """In seconds or as a date; anything else is as if it had asked for nothing."""
    answer = f"HTTP/1.1 503 No\r\nRetry-After: {text}\r\nContent-Length: 0\r\n\r\n"
    async with answering(answer.encode()) as url:
        attempt = await sent(url)
    assert attempt.retry_after == (None if seconds is None else timedelta(seconds=seconds))


def test_the_schedule_is_that_of_the_standard() -> None:
    """Ten attempts within about three days, each pause off by a fifth at most; what is asked for may be longer."""
    plan = RetryPlan()
    hour = 3600
    planned = [5, 300, 1800, 2 * hour, 5 * hour, 10 * hour, 14 * hour, 20 * hour, 24 * hour]
    for attempt, seconds in enumerate(planned, 1):
        pause = plan.pause(attempt, None)
        assert pause is not None
        assert 0.8 * seconds <= pause.total_seconds() <= 1.2 * seconds
    assert plan.pause(10, timedelta(hours=1)) is None
    assert plan.pause(1, timedelta(hours=1)) == timedelta(hours=1)
    assert plan.pause(1, timedelta(days=9)) == timedelta(hours=24)
