"""The asynchronous protocol of the fake: orders are taken, audio is fetched, and answers are brought, or not."""

import asyncio
import base64
import hmac
import itertools
import re
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

import httpx2
import msgspec

from calls_app.fake_ai.script import ScriptError
from calls_app.fake_ai.speech import NotWav, dialogue

FETCHES: Final = 50
FETCH_AGAIN_SEC: Final = 0.2

_STEP: Final = re.compile(r"(?P<name>[a-z-]+)(:(?P<seconds>[0-9.]+))?(\*(?P<times>\d+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Courier:
    """What happens to one answer on its way. *body* is sent instead of the answer, *first* before it.

    *times* is how often it is sent, *wait_sec* how long it takes. *forged*: its credentials are wrong; *stale*: they
    are old; *astray*: the address is wrong; *early*: it is there before the order is confirmed; *broken*: it is cut
    off. *filled_to*: the body is filled up with spaces.
    """

    times: int = 1
    wait_sec: float = 0.0
    forged: bool = False
    astray: bool = False
    stale: bool = False
    early: bool = False
    body: bytes | None = None
    first: bytes | None = None
    filled_to: int = 0
    broken: bool = False


COURIERS: Final[Mapping[str, Courier]] = MappingProxyType(
    {
        "ok": Courier(),
        "lost": Courier(times=0),
        "twice": Courier(times=2),
        "many": Courier(times=20),
        "late": Courier(wait_sec=2.0),
        "early": Courier(early=True),
        "forged": Courier(forged=True),
        "stale": Courier(stale=True),
        "astray": Courier(astray=True),
        "progress": Courier(first=b'{"status": "processing", "progress": 0.5}'),
        "mixed-up": Courier(body=b'{"id": "job-0", "status": "done", "result": {"text": "of another call"}}'),
        "html": Courier(body=b"<!doctype html><p>done"),
        "cut-json": Courier(body=b'{"status": "done", "resu'),
        "list": Courier(body=b"[1, 2]"),
        "null": Courier(body=b"null"),
        "odd-status": Courier(body=b'{"status": "perhaps"}'),
        "empty": Courier(body=b""),
        "deep": Courier(body=b'{"status": "done", "result": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
        "huge": Courier(filled_to=1 << 30),
        "half": Courier(broken=True),
    }
)


@dataclass(slots=True)
class Order:
    """One order. *answer* is there when the work is done."""

    id: str
    fields: dict[str, Any]
    answer: dict[str, Any] | None = None

    @property
    def told(self) -> dict[str, Any]:
        return self.answer or {"id": self.id, "status": "processing"}


@dataclass(slots=True)
class Errands:
    """Works on orders: fetches the audio, makes up what was said, or says *result*, and sends couriers.

    *credentials* are what callbacks carry: ``header:NAME:VALUE``, ``basic:USER:PASSWORD`` or ``signature:whsec_...``.
    *answered* lists the statuses that callbacks were answered with.
    """

    couriers: Sequence[Courier] = ()
    credentials: str = ""
    work_sec: float = 0.0
    result: bytes | None = None
    orders: dict[str, Order] = field(default_factory=dict)
    answered: list[int] = field(default_factory=list)
    fetched: list[int] = field(default_factory=list)
    _ahead: deque[Courier] = field(default_factory=deque)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._ahead.extend(self.couriers)

    async def take(self, fields: dict[str, Any]) -> Order:
        """Begin to work; return before it is done, unless the courier is early."""
        order = Order(f"job-{len(self.orders) + 1}", fields)
        self.orders[order.id] = order
        courier = self._ahead.popleft() if self._ahead else Courier()
        task = asyncio.create_task(self._work(order, courier))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if courier.early:
            await asyncio.wait({task})
        return order

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _work(self, order: Order, courier: Courier) -> None:
        async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
            await asyncio.sleep(self.work_sec)
            order.answer = {"id": order.id, **await self._made(client, order)}
            await asyncio.sleep(courier.wait_sec)
            address = str(order.fields.get("callback_url", ""))
            if courier.astray:
                address = address[:-4] + "AAAA"
            if courier.first:
                await self._bring(client, address, courier, courier.first)
            body = courier.body if courier.body is not None else msgspec.json.encode(order.answer)
            for _ in range(courier.times):
                await self._bring(client, address, courier, body)

    async def _made(self, client: httpx2.AsyncClient, order: Order) -> dict[str, Any]:
        if self.result is not None:
            return {"status": "done", "result": msgspec.json.decode(self.result)}
        try:
            audio = await _fetched(client, order.fields["audio_url"])
            self.fetched.append(audio.status_code)
            said, _ = await asyncio.to_thread(dialogue, audio.raise_for_status().content)
        except (httpx2.HTTPError, NotWav) as error:
            return {"status": "failed", "error": {"message": f"the audio cannot be used: {error}"}}
        return {"status": "done", "result": said}

    async def _bring(self, client: httpx2.AsyncClient, address: str, courier: Courier, body: bytes) -> None:
        headers = {"Content-Type": "application/json"} | self._signed(courier, body)
        content = _broken(body) if courier.broken else _filled(body, courier.filled_to) if courier.filled_to else body
        try:
            answer = await client.post(address, content=content, headers=headers)
        except (httpx2.HTTPError, ConnectionResetError):
            self.answered.append(0)
        else:
            self.answered.append(answer.status_code)

    def _signed(self, courier: Courier, body: bytes) -> dict[str, str]:
        kind, _, rest = self.credentials.partition(":")
        name, _, value = rest.partition(":")
        if courier.forged:
            value, rest = value[::-1], "whsec_" + base64.b64encode(bytes(32)).decode()
        match kind:
            case "header":
                return {name: value}
            case "basic":
                return {"Authorization": f"Basic {base64.b64encode(f'{name}:{value}'.encode()).decode()}"}
            case "signature":
                return _standard_webhook(rest, body, time.time() - (3600 if courier.stale else 0))
        return {}


def couriers(script: str) -> list[Courier]:
    """Return what the answers meet, one after the other: ``lost, late:3, twice*2``.

    Raises:
        ScriptError: a name is unknown.
    """
    return list(itertools.chain.from_iterable(_couriers(step.strip()) for step in script.split(",") if step.strip()))


def _couriers(step: str) -> list[Courier]:
    found = _STEP.fullmatch(step)
    courier = COURIERS.get(found["name"]) if found else None
    if found is None or courier is None:
        msg = f"{step!r} is no way that an answer can take; there are {', '.join(COURIERS)}, such as late:3 or lost*2"
        raise ScriptError(msg)
    if found["seconds"]:
        courier = replace(courier, wait_sec=float(found["seconds"]))
    return [courier] * int(found["times"] or 1)


def _standard_webhook(secret: str, body: bytes, now: float) -> dict[str, str]:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    stamp = str(int(now))
    signed = hmac.digest(key, f"msg_1.{stamp}.".encode() + body, "sha256")
    signature = f"v1,{base64.b64encode(signed).decode()}"
    return {"webhook-id": "msg_1", "webhook-timestamp": stamp, "webhook-signature": signature}


async def _fetched(client: httpx2.AsyncClient, url: str) -> httpx2.Response:
    """Fetch audio as patiently as a decent service does: whoever has ordered may be starting again."""
    for _ in range(FETCHES):
        try:
            return await client.get(url)
        except httpx2.TransportError:
            await asyncio.sleep(FETCH_AGAIN_SEC)
    return await client.get(url)


async def _filled(body: bytes, size: int) -> AsyncIterator[bytes]:
    yield body[:-1]
    for _ in range(size >> 16):
        yield b" " * 65536
    yield body[-1:]


async def _broken(body: bytes) -> AsyncIterator[bytes]:
    yield body[: len(body) // 2]
    raise ConnectionResetError
