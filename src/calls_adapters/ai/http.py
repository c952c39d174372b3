"""One request to an AI service: guarded, limited in time and size, and its errors as ours."""

import asyncio
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx2
import msgspec

from calls_adapters.ai.breaker import Breaker
from calls_core.errors import AiAnswerInvalid, AiRefused, AiUnavailable
from calls_core.hookspecs import AiService

CONNECT_SEC: Final = 10.0
SENTENCE_LIMIT: Final = 300
_SENTENCE_BYTES: Final = 16 << 10
_LONGEST_RETRY_AFTER: Final = timedelta(hours=1)
_MAY_PASS: Final = frozenset({408, 409, 425, 429})


class AiHttp:
    """Asks one service. It follows no redirects and uses no proxies: it talks to the host named."""

    def __init__(self, service: AiService, breaker: Breaker) -> None:
        self._service = service
        self._breaker = breaker
        self._host = httpx2.URL(service.base_url).host

    def session(self) -> httpx2.AsyncClient:
        """Return connections for one recording; use them as an async context manager."""
        key = self._service.api_key
        return httpx2.AsyncClient(
            headers={"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {key}"} if key else {}),
            timeout=httpx2.Timeout(self._service.timeout_sec, connect=min(CONNECT_SEC, self._service.timeout_sec)),
            follow_redirects=False,
            trust_env=False,
        )

    async def check(self) -> str:
        """Ask for the models, which costs nothing; return a sentence about the answer.

        Raises:
            AiUnavailable, AiRefused: the service is down, or refuses our key.
        """
        with self._told():
            async with (
                asyncio.timeout(CONNECT_SEC),
                self.session() as session,
                session.stream("GET", f"{self._service.base_url}/models") as answer,
            ):
                if answer.status_code in {401, 403} or answer.status_code >= 500:
                    raise await self._refusal(answer)
                return f"{self._host} answers"

    async def ask(
        self,
        session: httpx2.AsyncClient,
        method: str,
        path: str,
        *,
        accept: Collection[int] = frozenset({200}),
        **request: Any,  # noqa: ANN401 (what the client takes)
    ) -> tuple[int, bytes]:
        """Return the status, one of *accept*, and the body of an answer, which nobody has looked into yet.

        Raises:
            AiUnavailable: no answer, or none today; ``retry_after`` is what the service asked for.
            AiRefused: the service will not do it, or we may not ask.
            AiAnswerInvalid: the answer is too large, or a page for people.
        """
        with self._breaker.guarding(), self._told():
            async with (
                asyncio.timeout(self._service.timeout_sec),
                session.stream(method, f"{self._service.base_url}{path}", **request) as answer,
            ):
                if answer.status_code not in accept:
                    raise await self._refusal(answer)
                return answer.status_code, await self._body(answer)

    async def _body(self, answer: httpx2.Response) -> bytes:
        limit = self._service.max_answer_bytes
        kind = answer.headers.get("Content-Type", "").lower()
        if "html" in kind:
            raise AiAnswerInvalid(f"{self._host} answered with a page and not with JSON; is AI_BASE_URL right?")
        if (coding := answer.headers.get("Content-Encoding", "identity").lower()) != "identity":
            raise AiAnswerInvalid(f"{self._host} compressed its answer unasked: {self._clean(coding)}")
        body = await _up_to(answer, limit)
        if body is None:
            raise AiAnswerInvalid(f"{self._host} answered with more than AI_MAX_ANSWER_BYTES ({limit})")
        return body

    async def _refusal(self, answer: httpx2.Response) -> AiUnavailable | AiRefused | AiAnswerInvalid:
        status = answer.status_code
        said = f"{self._host} answered {status}"
        if status in _MAY_PASS or status >= 500:
            return AiUnavailable(said, retry_after=_retry_after(answer.headers.get("Retry-After")))
        if status in {401, 403}:
            return AiRefused(f"{said}: it refuses AI_API_KEY; mend the key and reprocess")
        if status < 300:
            return AiAnswerInvalid(f"{said} instead of 200")
        if status < 400:
            return AiRefused(f"{said}: redirects are not followed; name the final address in AI_BASE_URL")
        body = await _up_to(answer, _SENTENCE_BYTES)
        sentence = self._clean(_sentence(body or b""))
        if status == 404:
            sentence = f"is AI_BASE_URL right, and AI_MODEL? {sentence}".strip()
        return AiRefused(f"{said}: {sentence or 'it gave no reason'}")

    def _clean(self, text: str) -> str:
        """Return what a stranger says as one harmless line, without our key should it be echoed."""
        if self._service.api_key:
            text = text.replace(self._service.api_key, "***")
        return "".join(c if c.isprintable() else " " for c in text)[:SENTENCE_LIMIT].strip()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn the client's errors into ours. Their text may quote the answer, so it stays out."""
        try:
            yield
        except TimeoutError as error:
            msg = f"{self._host} did not answer within {self._service.timeout_sec:g} seconds (AI_TIMEOUT_SEC)"
            raise AiUnavailable(msg) from error
        except httpx2.ConnectError as error:
            raise AiUnavailable(f"cannot connect to {self._host}") from error
        except (httpx2.HTTPError, httpx2.StreamError) as error:
            raise AiUnavailable(f"{self._host} did not answer properly: {type(error).__name__}") from error


async def _up_to(answer: httpx2.Response, limit: int) -> bytes | None:
    """Return the body, None when it is longer than *limit*, of which no more is read then."""
    announced = answer.headers.get("Content-Length", "")
    if announced.isdecimal() and len(announced) < 20 and int(announced) > limit:  # any size fits
        return None
    body = bytearray()
    async for piece in answer.aiter_raw():
        body += piece
        if len(body) > limit:
            return None
    return bytes(body)


class _Fault(msgspec.Struct):
    message: str = ""


class _Problem(msgspec.Struct):
    """OpenAI's shape of an error; FastAPI's services have ``detail``."""

    error: _Fault | str | None = None
    detail: str | None = None


def _sentence(body: bytes) -> str:
    """Return what the service says about a refusal: its message, else whatever its answer begins with."""
    try:
        problem = msgspec.json.decode(body, type=_Problem)
    except (ValueError, RecursionError):
        return body.decode(errors="replace")
    fault = problem.error.message if isinstance(problem.error, _Fault) else problem.error
    return fault or problem.detail or body.decode(errors="replace")


def _retry_after(header: str | None) -> timedelta | None:
    """Return what ``Retry-After`` asks for (RFC 9110, 10.2.3: seconds or a date), an hour at most."""
    text = (header or "").strip()
    if text.isdecimal():
        return min(timedelta(seconds=int(text[:9])), _LONGEST_RETRY_AFTER)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max(moment - datetime.now(UTC), timedelta(0)), _LONGEST_RETRY_AFTER) or None
