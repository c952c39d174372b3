"""Where recordings are handed over: to the service in this process, or to one that runs somewhere."""

import json
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Protocol

import httpx2

from calls_app.library import Calls, open_calls, pieces_of
from calls_app.settings import Settings
from calls_core.call import CallDetails
from calls_core.errors import CallsError, Unavailable
from calls_core.use_cases.ingest_call import IngestCall


@dataclass(frozen=True, slots=True)
class Taken:
    """*is_new* is false when the call was there before."""

    call_id: str
    is_new: bool


class Refused(Exception):
    """The recording will not be taken, however often it is handed over."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class Unreachable(Exception):
    """It may be taken later."""


class Receiver(Protocol):
    async def take(self, details: CallDetails, path: Path) -> Taken:
        """Hand over the file.

        Raises:
            Refused, Unreachable: it was not taken.
        """


@dataclass(frozen=True, slots=True)
class Here(Receiver):
    """Into the database and the storage of the settings."""

    calls: Calls

    async def take(self, details: CallDetails, path: Path) -> Taken:
        ingest = await self.calls.container.get(IngestCall)
        with refused_or_away():
            taken = await ingest(lambda: details, path.name, pieces_of(path))
        return Taken(str(taken.call.id), taken.is_new)


@dataclass(frozen=True, slots=True)
class There(Receiver):
    """By HTTP."""

    client: httpx2.AsyncClient

    async def take(self, details: CallDetails, path: Path) -> Taken:
        with path.open("rb") as file:
            files = {"file": (path.name, file)}
            answer = await told_by(self.client.post("/calls/ingest", data=form_of(details), files=files))
        return Taken(str(answer.json()["id"]), answer.status_code == HTTPStatus.ACCEPTED)


_LATER = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.GONE})
_NOBODY = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_NOWHERE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED})


@contextmanager
def refused_or_away() -> Iterator[None]:
    """Turn what the core raises into what a receiver does."""
    try:
        yield
    except Unavailable as error:
        raise Unreachable(f"{error.code}: {error}") from error
    except CallsError as error:
        raise Refused(error.code, str(error)) from error


async def told_by(asked: Awaitable[httpx2.Response]) -> httpx2.Response:
    """Return the answer of a service that has taken what it was given.

    Raises:
        Refused, Unreachable: it has not.
    """
    try:
        answer = await asked
    except httpx2.TransportError as error:
        raise Unreachable(f"{type(error).__name__}: {error}") from error
    if answer.is_success:
        return answer
    told = _json_of(answer)
    why = f"{told.get('detail', answer.reason_phrase)}"
    if answer.status_code in _LATER or answer.is_server_error:
        raise Unreachable(f"{answer.status_code} {why}")
    if answer.status_code in _NOBODY:
        raise Unreachable(f"{answer.status_code} {why}; look at --api-key")
    if answer.status_code in _NOWHERE:
        raise Unreachable(f"{answer.status_code} {why}; look at --url, or is the service of an earlier release?")
    raise Refused(str(told.get("type", "")).rpartition(":")[2] or str(answer.status_code), why)


@asynccontextmanager
async def open_receiver(settings: Settings, url: str | None, api_key: str | None) -> AsyncIterator[Receiver]:
    """Lend the service at *url*, or, without one, that of *settings*."""
    async with AsyncExitStack() as stack:
        if url is None:
            yield Here(await stack.enter_async_context(open_calls(settings=settings, work=False)))
            return
        yield There(await stack.enter_async_context(open_client(url, api_key)))


def open_client(url: str, api_key: str | None) -> httpx2.AsyncClient:
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    return httpx2.AsyncClient(base_url=url, headers=headers, timeout=httpx2.Timeout(30, read=300))


def form_of(details: CallDetails) -> dict[str, str]:
    """Return the fields of ``POST /calls/ingest``."""
    told: dict[str, Any] = {
        "caller": details.caller,
        "receiver": details.receiver,
        "started_at": details.started_at.isoformat(),
        "external_id": details.external_id,
        "direction": details.direction.value if details.direction else None,
        "agent": details.agent,
        "tags": json.dumps(details.tags) if details.tags else None,
        "metadata": json.dumps(dict(details.metadata)) if details.metadata else None,
    }
    return {name: value for name, value in told.items() if value is not None}


def _json_of(answer: httpx2.Response) -> dict[str, Any]:
    try:
        told = answer.json()
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
