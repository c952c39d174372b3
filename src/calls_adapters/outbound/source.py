"""Recordings that are fetched from other systems over HTTP."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import httpx2

from calls_adapters.outbound.addresses import AddressPolicy
from calls_adapters.outbound.client import AddressNotAllowed, guarded_client
from calls_core.errors import SourceRefused, SourceUnavailable
from calls_core.ports import AudioSource

SECONDS_PER_READ: Final = 30.0
GRACE_SEC: Final = 30.0
BYTES_PER_SEC: Final = 1024
_MAY_CHANGE: Final = frozenset({408, 425, 429})


class HttpAudioSource(AudioSource):
    """GET without redirects, from addresses that the policy permits."""

    def __init__(self, policy: AddressPolicy) -> None:
        self._policy = policy

    @asynccontextmanager
    async def fetch(self, url: str) -> AsyncIterator[AsyncIterator[bytes]]:
        address = _checked(url)
        # One client for one fetch: pulls are rare beside the transfer itself, and nothing is kept open between them.
        async with guarded_client(self._policy, seconds=SECONDS_PER_READ) as client:
            request = client.build_request("GET", address, headers={"Accept-Encoding": "identity"})
            with _told(address.host):
                response = await client.send(request, stream=True)
            try:
                _require_ok(response.status_code, address.host)

                async def pieces() -> AsyncIterator[bytes]:
                    clock = asyncio.get_running_loop().time
                    began, received = clock(), 0
                    with _told(address.host):
                        async for piece in response.aiter_raw():
                            received += len(piece)
                            if received < (clock() - began - GRACE_SEC) * BYTES_PER_SEC:
                                msg = f"{address.host} sends less than {BYTES_PER_SEC} bytes a second"
                                raise SourceUnavailable(msg)
                            yield piece

                yield pieces()
            finally:
                await response.aclose()


def _checked(url: str) -> httpx2.URL:
    try:
        address = httpx2.URL(url)
    except httpx2.InvalidURL as error:
        msg = f"not an address: {error}"
        raise SourceRefused(msg) from error
    if address.scheme not in {"http", "https"} or not address.host or address.userinfo:
        msg = "the address must begin with http:// or https:// and hold no user name"
        raise SourceRefused(msg)
    return address


def _require_ok(status: int, host: str) -> None:
    if status == 200:
        return
    msg = f"{host} answered {status}; the address must give the audio itself, without sign-in or redirect"
    if status in _MAY_CHANGE or status >= 500:
        raise SourceUnavailable(msg)
    raise SourceRefused(msg)


@contextmanager
def _told(host: str) -> Iterator[None]:
    """Turn the client's errors into ours. The URL stays out of the message: it may hold a secret."""
    try:
        yield
    except httpx2.ConnectError as error:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, AddressNotAllowed):
                raise SourceRefused(str(cause)) from error
            cause = cause.__cause__
        msg = f"cannot connect to {host}: {error}"
        raise SourceUnavailable(msg) from error
    except (httpx2.HTTPError, httpx2.StreamError) as error:
        msg = f"{host} did not answer properly: {type(error).__name__}"
        raise SourceUnavailable(msg) from error
