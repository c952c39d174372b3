"""Recordings by HTTP POST of a form, as the older joint between business systems sent them."""

import secrets
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import msgspec
import re2

from calls_adapters.outbound.addresses import AddressPolicy
from calls_adapters.outbound.client import guarded_client
from calls_adapters.outbound.receivers import Exchange, attempted, judged
from calls_core.delivery import Attempt
from calls_core.destination import Destination, DestinationDetails
from calls_core.errors import DeliveryFailed, FieldError, NotFound, ReceiverRefused, Unavailable
from calls_core.events import Event
from calls_core.form import FormRules, filled
from calls_core.hearing import Hears, recording_for, require_redacted
from calls_core.ports import CallRepository, Clock, RecordingStorage, Sender
from calls_core.recording import Recording

SLOWEST: Final = 50_000
"""Bytes per second: how much more time a receiver gets for the audio."""


class FormSender(Sender):
    """The body is made as it is sent: the audio passes through in pieces, its length told beforehand."""

    def __init__(
        self,
        policy: AddressPolicy,
        calls: CallRepository,
        storage: RecordingStorage,
        clock: Clock,
        *,
        hears: Hears,
        seconds: float,
        user_agent: str,
    ) -> None:
        self._hears = hears
        self._client = guarded_client(policy, seconds=seconds, connections=None)
        self._calls = calls
        self._storage = storage
        self._clock = clock
        self._seconds = seconds
        self._agent = user_agent

    def faults(self, details: DestinationDetails) -> Sequence[FieldError]:
        if details.form is None or details.form.pattern is None:
            return ()
        try:
            _compiled(details.form.pattern)
        except re2.error as error:
            why = error.args[0].decode(errors="replace")  # it is bytes
            return [FieldError("/form/pattern", f"is no expression of RE2: {why}")]
        return ()

    async def send(self, destination: Destination, event: Event, body: bytes) -> Attempt:
        at, rules = self._clock(), destination.details.form or FormRules()
        try:
            form = _Form(rules, _values(event, body), await self._recording(rules, event))
            headers = {
                "Content-Type": f"multipart/form-data; boundary={form.boundary}",
                "Content-Length": str(form.length),
                "User-Agent": self._agent,
                "Idempotency-Key": str(event.id),
                "webhook-id": str(event.id),
            }

            async def post(exchange: Exchange) -> None:
                pieces = form.pieces(self._storage)
                request = self._client.build_request("POST", destination.details.url, content=pieces, headers=headers)
                await exchange.read(await self._client.send(request, stream=True))

            limit = self._seconds + form.length / SLOWEST
            return await attempted(at, limit, post, lambda exchange: _judged(rules, exchange))
        except (
            Unavailable,
            NotFound,
        ) as error:  # of ours, or not redacted yet: it is tried again as if the receiver were down
            return Attempt(at=at, duration_ms=0, error=error.reason)

    async def close(self) -> None:
        await self._client.aclose()

    async def _recording(self, rules: FormRules, event: Event) -> Recording | None:
        if rules.file is None or event.call_id is None:
            return None
        try:
            recording = await self._calls.recording(event.call_id)
        except NotFound:
            return None
        require_redacted(recording, self._hears, audio=True)
        return recording_for(recording, self._hears)


class _Form:
    """https://www.rfc-editor.org/rfc/rfc7578; names are escaped as browsers do it."""

    def __init__(self, rules: FormRules, values: dict[str, Any], recording: Recording | None) -> None:
        self.boundary = secrets.token_hex(16)
        self._recording = recording
        start = f"--{self.boundary}\r\nContent-Disposition: form-data; name="
        head = "".join(
            f'{start}"{_quoted(name)}"\r\n\r\n{filled(template, values)}\r\n' for name, template in rules.fields.items()
        )
        tail = f"--{self.boundary}--\r\n"
        if recording is not None:
            head += f'{start}"{_quoted(rules.file or "")}"; filename="{_quoted(recording.filename)}"\r\n'
            head += f"Content-Type: {recording.media_type}\r\n\r\n"
            tail = f"\r\n{tail}"
        self._head, self._tail = head.encode(), tail.encode()
        self.length = len(self._head) + (recording.size_bytes if recording else 0) + len(self._tail)

    async def pieces(self, storage: RecordingStorage) -> AsyncIterator[bytes]:
        yield self._head
        if self._recording is not None:
            async with storage.read(self._recording.storage_key) as pieces:
                async for piece in pieces:
                    yield piece
        yield self._tail


def _values(event: Event, body: bytes) -> dict[str, Any]:
    told = msgspec.json.decode(body)
    about = {"id": str(event.id), "type": told["type"], "timestamp": told["timestamp"]}
    return {**told["data"], "event": about}


def _quoted(name: str) -> str:
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _judged(rules: FormRules, exchange: Exchange) -> DeliveryFailed | None:
    if not rules.statuses and (failure := judged(exchange)):
        return failure
    if rules.statuses and exchange.status not in rules.statuses:
        return ReceiverRefused(f"the receiver answered {exchange.status}, none of {list(rules.statuses)}")
    if rules.pattern is not None and not _compiled(rules.pattern).search(exchange.answer.decode(errors="replace")):
        return ReceiverRefused(f"the receiver answered {exchange.status}, without what the pattern looks for")
    return None


def _compiled(pattern: str) -> Any:  # noqa: ANN401 (RE2 has no types)
    """RE2 takes time linear in the answer, whatever the pattern: nobody can hang us with one."""
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)
