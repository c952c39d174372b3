"""Fetching recordings: where from, where never, and what each answer means."""

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from calls_adapters.outbound import source
from calls_adapters.outbound.addresses import AddressPolicy
from calls_adapters.outbound.source import HttpAudioSource
from calls_core.errors import CallsError, SourceRefused, SourceUnavailable

pytestmark = pytest.mark.anyio

LOOPBACK = AddressPolicy.parsed(["127.0.0.0/8"])

NEVER = [
    "127.0.0.1",
    "127.9.9.9",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "240.0.0.1",
    "192.0.0.1",
    "192.88.99.1",
    "198.18.0.1",
    "203.0.113.1",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "fe80::1",
    "fc00::1",
    "fec0::1",
    "ff02::1",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:1",
    "64:ff9b:1::1",
    "::ffff:0:127.0.0.1",
    "4000::1",
    "2002:7f00:1::",
    "2002:a00:1::",
    "2001::1",
    "2001:db8::1",
    "5f00::1",
]

PUBLIC = ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::"]

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.mark.parametrize("text", NEVER)
def test_inner_addresses_are_refused(text: str) -> None:
    """No address of this machine, this network or no host at all is dialled, in whatever form it is written."""
    assert not AddressPolicy().permits(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_are_allowed(text: str) -> None:
    """The world outside can be reached, also through its wrapped forms."""
    assert AddressPolicy().permits(ipaddress.ip_address(text))


def test_an_operator_can_open_a_range() -> None:
    """An allowed range is open in its mapped form too; a range that would never match is refused."""
    policy = AddressPolicy.parsed(["10.1.0.0/16"])
    assert policy.permits(ipaddress.ip_address("10.1.2.3"))
    assert policy.permits(ipaddress.ip_address("::ffff:10.1.2.3"))
    assert not policy.permits(ipaddress.ip_address("10.2.0.1"))
    for wrong in ("::ffff:10.0.0.0/104", "10.0.0.1/8", "nonsense"):
        with pytest.raises(ValueError, match=r"\w"):
            AddressPolicy.parsed([wrong])


@asynccontextmanager
async def answering(answer: Answer) -> AsyncIterator[str]:
    """Serve one canned answer per connection."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await answer(reader, writer)
        except ConnectionError:
            pass  # the client has seen enough
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/call.wav?token=secret"


def saying(head: str, body: bytes = b"") -> Answer:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {head}\r\n\r\n".encode() + body)
        await writer.drain()

    return answer


async def fetched(url: str, policy: AddressPolicy = LOOPBACK) -> bytes:
    async with HttpAudioSource(policy).fetch(url) as pieces:
        return b"".join([piece async for piece in pieces])


async def test_fetches_the_bytes() -> None:
    """What the address gives arrives as it is."""
    async with answering(saying("200 OK\r\nContent-Length: 8", b"RIFFdata")) as url:
        assert await fetched(url) == b"RIFFdata"


@pytest.mark.parametrize(
    ("head", "error"),
    [
        ("404 Not Found\r\nContent-Length: 0", SourceRefused),
        ("401 Unauthorized\r\nContent-Length: 0", SourceRefused),
        ("302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0", SourceRefused),
        ("206 Partial Content\r\nContent-Length: 0", SourceRefused),
        ("429 Too Many Requests\r\nContent-Length: 0", SourceUnavailable),
        ("503 Service Unavailable\r\nContent-Length: 0", SourceUnavailable),
        ("200 OK\r\nContent-Length: 8", SourceUnavailable),
        ("nonsense", SourceUnavailable),
    ],
)
async def test_other_answers_are_final_or_not(head: str, error: type[CallsError]) -> None:
    """What may change is waited for, the rest is final; a cut body is never taken for a whole one; no secret leaks."""
    async with answering(saying(head, b"RIFF" if "200" in head else b"")) as url:
        with pytest.raises(error) as told:
            await fetched(url)
    assert "secret" not in str(told.value)


async def test_a_trickling_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that sends a byte now and then does not keep a worker for hours."""
    monkeypatch.setattr(source, "GRACE_SEC", 0.05)

    async def trickle(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        for _ in range(200):
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with answering(trickle) as url:
        with pytest.raises(SourceUnavailable, match="bytes a second"):
            await fetched(url)


async def test_nobody_there_is_an_outage() -> None:
    """A refused connection is retried, not final."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(SourceUnavailable):
        await fetched(f"http://127.0.0.1:{port}/a.wav")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/a.wav",
        "http://localhost/a.wav",
        "http://2130706433/a.wav",
        "http://0x7f.1/a.wav",
        "http://127.1/a.wav",
        "http://[::1]/a.wav",
        "http://[::ffff:127.0.0.1]/a.wav",
        "http://0.0.0.0/a.wav",
        "http://0177.0.0.1/a.wav",
        "http://user:secret@8.8.8.8/a.wav",
        "file:///etc/passwd",
        "ftp://8.8.8.8/a.wav",
        "http:///a.wav",
        "http://[::1/a.wav",
        "a.wav",
    ],
)
async def test_hostile_addresses_are_refused_for_good(url: str) -> None:
    """Nothing inside is dialled under any spelling, and nothing but HTTP is spoken."""
    with pytest.raises(SourceRefused):
        await fetched(url, AddressPolicy())


async def test_a_name_is_judged_by_all_its_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """One inner address among public ones refuses the name, and there is no second look-up to lie in."""
    asked = []

    async def lying(*arguments: object, **_: object) -> list[object]:
        asked.append(arguments)
        return [(socket.AF_INET, 1, 6, "", (address, 80)) for address in ("8.8.8.8", "127.0.0.1")]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", lying)
    with pytest.raises(SourceRefused):
        await fetched("http://rebinding.example/a.wav", AddressPolicy())
    assert len(asked) == 1
