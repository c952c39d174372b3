"""An HTTP client that dials only what the address policy permits."""

import asyncio
import ipaddress
import socket
from collections.abc import Iterable
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final

import httpcore2
import httpx2

from calls_adapters.outbound.addresses import AddressPolicy

ADDRESSES_TRIED: Final = 4


class AddressNotAllowed(httpcore2.ConnectError):
    """The name resolves to an address that the policy refuses: trying again would end the same way."""


class GuardedBackend(httpcore2.AsyncNetworkBackend):
    """Resolves once, judges every answer, and dials the judged address: there is no second look-up to rebind."""

    def __init__(self, policy: AddressPolicy, inner: httpcore2.AsyncNetworkBackend) -> None:
        self._policy = policy
        self._inner = inner

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 (httpcore2's signature)
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        loop = asyncio.get_running_loop()
        deadline = None if timeout is None else loop.time() + timeout
        try:
            async with asyncio.timeout_at(deadline):
                infos = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except TimeoutError as error:
            msg = f"resolving {host} took too long"
            raise httpcore2.ConnectTimeout(msg) from error
        except (OSError, UnicodeError) as error:
            msg = f"cannot resolve {host}"
            raise httpcore2.ConnectError(msg) from error
        found = sorted(dict.fromkeys(str(info[4][0]).split("%")[0] for info in infos), key=lambda text: ":" in text)
        if not found or not all(self._policy.permits(ipaddress.ip_address(text)) for text in found):
            msg = f"{host} resolves to an address that is not allowed (WEBHOOK_ALLOW_CIDRS)"
            raise AddressNotAllowed(msg)
        failure: Exception = httpcore2.ConnectError(host)
        for address in found[:ADDRESSES_TRIED]:
            left = None if deadline is None else max(0.05, deadline - loop.time())
            try:
                return await self._inner.connect_tcp(address, port, left, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ARG002, ASYNC109 (httpcore2's signature)
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,  # noqa: ARG002 (as above)
    ) -> httpcore2.AsyncNetworkStream:
        msg = f"{path}: unix sockets are not allowed"
        raise AddressNotAllowed(msg)

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


def guarded_client(policy: AddressPolicy, *, seconds: float, connections: int | None = 100) -> httpx2.AsyncClient:
    """Return a client without redirects, proxies or cookies, each of whose operations may take *seconds*, with at most
    so many *connections* at a time."""
    limits = httpx2.Limits(max_connections=connections, max_keepalive_connections=20, keepalive_expiry=2.0)
    transport = httpx2.AsyncHTTPTransport(trust_env=False, retries=0, limits=limits)
    # There is no public way to give a transport its network backend; a test asserts that ours is asked.
    transport._pool._network_backend = GuardedBackend(policy, httpcore2.AnyIOBackend())  # noqa: SLF001
    no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=()))
    return httpx2.AsyncClient(
        transport=transport, trust_env=False, follow_redirects=False, timeout=seconds, cookies=no_cookies
    )
