"""What a receiver's answer means, and what no answer means."""

import asyncio
import email.utils
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import httpx2

from calls_adapters.outbound.client import AddressNotAllowed
from calls_core.delivery import HEAD_LIMIT, Attempt
from calls_core.errors import AddressRefused, DeliveryFailed, ReceiverRefused, ReceiverUnreachable

ANSWER_LIMIT: Final = 64 * 1024
"""An answer is read so far, in bytes: to its end, mostly, which lets the connection be used again."""

_SECONDS: Final = re.compile(r"[0-9]{1,6}", re.ASCII)


@dataclass(slots=True)
class Exchange:
    """One request and what came back, as far as it came."""

    status: int | None = None
    answer: bytes = b""
    retry_after: str | None = None

    async def read(self, response: httpx2.Response) -> None:
        """Take in the answer, at most ``ANSWER_LIMIT`` of it as it was sent: nothing is decompressed."""
        self.status = response.status_code
        self.retry_after = response.headers.get("retry-after")
        try:
            async for piece in response.aiter_raw():
                self.answer += piece[: ANSWER_LIMIT - len(self.answer)]
                if len(self.answer) >= ANSWER_LIMIT:
                    return
        finally:
            await response.aclose()


Judge = Callable[[Exchange], DeliveryFailed | None]


def judged(exchange: Exchange) -> DeliveryFailed | None:
    """Return why the event was not accepted, None if it was: 2xx accepts, everything else does not."""
    if exchange.status is not None and exchange.status // 100 == 2:
        return None
    redirect = "; redirects are not followed" if exchange.status is not None and exchange.status // 100 == 3 else ""
    return ReceiverRefused(f"the receiver answered {exchange.status}{redirect}")


async def attempted(
    at: datetime, seconds: float, post: Callable[[Exchange], Awaitable[None]], judge: Judge = judged
) -> Attempt:
    """Return what comes of *post*, which may take *seconds* in all. The URL stays out of what is told: it may hold a
    secret."""
    exchange, began = Exchange(), time.monotonic()
    error: DeliveryFailed | None
    try:
        async with asyncio.timeout(seconds):
            await post(exchange)
        error = judge(exchange)
    except TimeoutError:
        error = ReceiverUnreachable(f"no whole answer within {seconds:g} seconds")
    except (httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL) as failure:
        error = _told(failure)
    return Attempt(
        at=at,
        duration_ms=round((time.monotonic() - began) * 1000),
        status=exchange.status,
        error=error.reason if error else None,
        head=exchange.answer[:HEAD_LIMIT].decode(errors="replace"),
        retry_after=_pause(exchange.retry_after, at) if error else None,
    )


def _told(failure: Exception) -> DeliveryFailed:
    cause: BaseException | None = failure
    while cause is not None:
        if isinstance(cause, AddressNotAllowed):
            return AddressRefused(str(cause))
        cause = cause.__cause__
    if isinstance(failure, httpx2.UnsupportedProtocol | httpx2.InvalidURL):
        return AddressRefused("the address is not one that can be dialled")
    if isinstance(failure, httpx2.ConnectError | httpx2.ConnectTimeout):
        return ReceiverUnreachable(f"cannot connect: {str(failure) or 'no answer in time'}")
    return ReceiverUnreachable(f"the receiver did not answer properly: {type(failure).__name__}")


def _pause(text: str | None, now: datetime) -> timedelta | None:
    """Return what ``Retry-After`` asks for (RFC 9110, 10.2.3): seconds or a date; None for anything else."""
    if text is None:
        return None
    if _SECONDS.fullmatch(text.strip()):
        return timedelta(seconds=int(text))
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(timedelta(0), moment - now)
