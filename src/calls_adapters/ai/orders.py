"""The analyzer ``ai`` over a service that works while nobody waits: submit, then a callback, or else polling."""

import secrets
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Final
from urllib.parse import quote

import httpx2
import msgspec

from calls_adapters.ai.breaker import Breaker
from calls_adapters.ai.http import SENTENCE_LIMIT, AiHttp
from calls_adapters.ai.results import finding
from calls_adapters.ai.told import Told, told
from calls_core.errors import AiAnswerInvalid, AiFailed, AiRefused, AnswerAwaited
from calls_core.faultpoint import faultpoint
from calls_core.findings import Facts, Signal, Transcript
from calls_core.hookspecs import AiService
from calls_core.ports import Analyzer, Audio, Outside

ORDER: Final = "order"
FRESH_SEC: Final = 24 * 3600.0
"""An answer that was not here after a day does not come any more."""
LONGEST_POLL_SEC: Final = 600.0
_SPARE_LINK_SEC: Final = 60.0
_GONE: Final = frozenset({404, 410})


class Order(msgspec.Struct):
    """What was ordered, stored before it is sent: so a worker that dies leaves the next one all it needs to know.

    *key* is the idempotency key. *job_id* is the service's name for it, once we were told. *body* holds an address of
    the audio that is good until *link_until*. Times are seconds since 1970.
    """

    number: int
    key: str
    body: str
    made_at: float
    link_until: float
    job_id: str | None = None

    @property
    def place(self) -> str:
        """The part that the answer is put into."""
        return f"answer-{self.number}"


class OrderingAnalyzer(Analyzer):
    """Orders a transcript, or whatever the service makes, and comes back for it: no worker waits meanwhile.

    The order is stored before it is sent, with its idempotency key, and what the service calls it right after. So there
    is no second order while one is out; where only the answer to the submission was lost, a service that honours the
    key charges once. An order that was refused or has failed is forgotten; reprocessing makes a new one.
    """

    name = "ai"
    after: Sequence[str] = ("signal",)
    reads_audio = False

    def __init__(
        self, service: AiService, breaker: Breaker | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._service = service
        self._clock = clock
        self.breaker = breaker or Breaker()
        self._http = AiHttp(service, self.breaker)

    @property
    def version(self) -> str:
        return f"1 {self._service.model}"

    async def analyze(self, audio: Audio) -> Transcript | Facts:
        if audio.outside is None:
            raise AiRefused(
                "an asynchronous AI service fetches the audio from us: only stored recordings have an address"
            )
        signal = next((found for found in audio.findings.values() if isinstance(found, Signal)), None)
        order = await self._order(audio, audio.outside, signal)
        said = await self._answer(audio, order)
        if said.failed:
            await self._forget(audio, order)
            raise AiFailed(f"the AI service could not do it: {_line(said.why)}")
        try:
            return finding(said.result, signal.duration_sec if signal else None)
        except AiFailed:
            await self._forget(audio, order)
            raise

    async def _order(self, audio: Audio, outside: Outside, signal: Signal | None) -> Order:
        """Return the order that is out, or make one."""
        stored = await audio.parts.get(ORDER)
        old = msgspec.json.decode(stored, type=Order) if stored else None
        now = self._clock()
        if old and now - old.made_at < FRESH_SEC:
            if old.job_id is None and now > old.link_until - _SPARE_LINK_SEC:
                old = msgspec.structs.replace(old, **await self._with_link(outside, msgspec.json.decode(old.body)))
                await self._keep(audio, old)
            return old
        if old:
            await audio.parts.drop(old.place)
        number = old.number + 1 if old else 1
        facts = {
            "call_id": str(outside.call_id),
            "callback_url": outside.callback_url(f"answer-{number}"),
            "model": self._service.model,
            "language": self._service.language,
            "duration_sec": signal.duration_sec if signal else None,
            "channels": signal.channels if signal else None,
        }
        link = await self._with_link(outside, facts)
        order = Order(number=number, key=secrets.token_hex(32), made_at=now, **link)
        await audio.parts.keep(order.place, b"")
        await self._keep(audio, order)
        return order

    async def _with_link(self, outside: Outside, facts: dict[str, Any]) -> dict[str, Any]:
        body = msgspec.json.encode({**facts, "audio_url": await outside.audio_url()}).decode()
        return {"body": body, "link_until": self._clock() + outside.lifetime.total_seconds()}

    async def _answer(self, audio: Audio, order: Order) -> Told:
        """Return the final answer.

        Raises:
            AnswerAwaited: there is none yet.
        """
        if content := await audio.parts.get(order.place):
            brought = told(content)
            if not _is_about_another(brought, order):
                return brought
            await audio.parts.keep(order.place, b"")
        async with self._http.session() as session:
            said = await (self._polled(session, order) if order.job_id else self._submitted(session, audio, order))
        if said is None:
            await self._forget(audio, order)
            raise AiFailed("the AI service does not know the order any more; reprocess to order again")
        if said.done or said.failed:
            return said
        age = self._clock() - order.made_at
        again = min(max(self._service.poll_sec, age / 10), max(LONGEST_POLL_SEC, self._service.poll_sec))
        raise AnswerAwaited(
            "the AI service has the order; its answer is awaited",
            key=order.place,
            look_again_after=timedelta(seconds=again),
        )

    async def _submitted(self, session: httpx2.AsyncClient, audio: Audio, order: Order) -> Told:
        try:
            _, body = await self._http.ask(
                session,
                "POST",
                "/jobs",
                accept={200, 201, 202},
                content=order.body.encode(),
                headers={"Content-Type": "application/json", "Idempotency-Key": order.key},
            )
        except AiRefused:
            await self._forget(audio, order)  # what has to be mended may be in it
            raise
        faultpoint("ai.submitted")
        said = told(body)
        if said.job_id is None and (said.is_bare or not said.done) and not said.failed:
            raise AiAnswerInvalid("the AI service took the order and gave it no id")
        if said.job_id is not None:
            await self._keep(audio, msgspec.structs.replace(order, job_id=said.job_id))
            faultpoint("ai.ordered")
        return said

    async def _polled(self, session: httpx2.AsyncClient, order: Order) -> Told | None:
        """Return what the service says of the order, None if it knows nothing of it."""
        path = f"/jobs/{quote(order.job_id or '', safe='')}"
        status, body = await self._http.ask(session, "GET", path, accept={200, 202} | _GONE)
        if status in _GONE:
            return None
        said = told(body)
        if _is_about_another(said, order):
            raise AiAnswerInvalid("the AI service was asked for one job and told of another")
        return said

    async def _keep(self, audio: Audio, order: Order) -> None:
        await audio.parts.keep(ORDER, msgspec.json.encode(order))

    async def _forget(self, audio: Audio, order: Order) -> None:
        """Make room for another order; an answer to this one is not for anybody then."""
        await self._keep(audio, msgspec.structs.replace(order, made_at=0.0))
        await audio.parts.drop(order.place)


def _is_about_another(said: Told, order: Order) -> bool:
    """Tell whether this is what was said in another call; the ``id`` of a bare result is not that of a job."""
    return not said.is_bare and None not in {said.job_id, order.job_id} and said.job_id != order.job_id


def _line(text: str) -> str:
    """Return what a stranger says as one harmless line."""
    return "".join(c if c.isprintable() else " " for c in text)[:SENTENCE_LIMIT].strip()
