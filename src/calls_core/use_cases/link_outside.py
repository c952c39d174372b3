"""Addresses for a service elsewhere: where it fetches audio, and where it brings its answer."""

import base64
import hmac
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from calls_core.errors import LinkInvalid, PresignedUrlsUnavailable
from calls_core.faultpoint import faultpoint
from calls_core.ports import AnswerReader, CallRepository, Clock, Outside, RecordingStorage, StepParts, WakeUps
from calls_core.recording import CallId, Recording

AI: Final = "ai"
"""The analyzer that waits for answers from outside."""


@dataclass(frozen=True, slots=True)
class Seals:
    """Makes addresses unguessable. Without a *secret* there are none, and every seal is wrong."""

    secret: str = field(default="", repr=False)
    base_url: str = ""
    lifetime: timedelta = timedelta(hours=1)

    def of(self, *facts: str) -> str:
        digest = hmac.digest(self.secret.encode(), "\n".join(facts).encode(), "sha256")
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

    def require(self, given: str, *facts: str) -> None:
        """Return if *given* is the seal of *facts*.

        Raises:
            LinkInvalid: it is not.
        """
        if not self.secret or not hmac.compare_digest(self.of(*facts).encode(), given.encode()):
            msg = "this address was not given out like this; use it as it was given"
            raise LinkInvalid(msg)


@dataclass(frozen=True, slots=True)
class LinkOutside:
    """Give out addresses of a recording, and serve those that lead to its audio."""

    seals: Seals
    calls: CallRepository
    storage: RecordingStorage
    clock: Clock

    def __call__(self, recording: Recording) -> Outside | None:
        """Return the addresses of *recording*, None where nobody has set up any."""
        return _Addresses(recording.call_id, self.seals.lifetime, recording, self) if self.seals.secret else None

    async def audio_url(self, recording: Recording) -> str:
        lifetime = self.seals.lifetime
        try:
            stored = await self.storage.presign(
                recording.storage_key, recording.filename, recording.media_type, lifetime
            )
        except PresignedUrlsUnavailable:
            expires = str(int((self.clock() + lifetime).timestamp()))
            seal = self.seals.of("audio", str(recording.call_id), expires)
            return f"{self.seals.base_url}/ai/audio/{recording.call_id}?expires={expires}&seal={seal}"
        return stored.url

    async def audio(self, call_id: CallId, expires: int, seal: str) -> Recording:
        """Return the recording that such an address leads to.

        Raises:
            LinkInvalid: it was made up, or has expired.
            CallNotFound, RecordingNotFound: it is not there any more.
        """
        self.seals.require(seal, "audio", str(call_id), str(expires))
        if self.clock().timestamp() >= expires:
            msg = f"this address was good until {datetime.fromtimestamp(expires, self.clock().tzinfo):%H:%M:%S} UTC"
            raise LinkInvalid(msg)
        return await self.calls.recording(call_id)

    def content(self, recording: Recording, start: int, end: int) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        return self.storage.read(recording.storage_key, start, end)


@dataclass(frozen=True, slots=True)
class _Addresses(Outside):
    call_id: CallId
    lifetime: timedelta
    recording: Recording
    link: LinkOutside

    async def audio_url(self) -> str:
        return await self.link.audio_url(self.recording)

    def callback_url(self, key: str) -> str:
        seal = self.link.seals.of("answer", str(self.call_id), key)
        return f"{self.link.seals.base_url}/ai/callbacks/{self.call_id}/{key}/{seal}"


@dataclass(frozen=True, slots=True)
class TakeAnswer:
    """Keep the answer that a service brings, and wake the job that waits for it."""

    seals: Seals
    parts: StepParts
    reader: AnswerReader
    wake_ups: WakeUps

    def require_known(self, call_id: CallId, key: str, seal: str) -> None:
        """Return if the address of the callback is one that we gave out; raise ``LinkInvalid`` otherwise."""
        self.seals.require(seal, "answer", str(call_id), key)

    async def __call__(self, call_id: CallId, key: str, content: bytes) -> None:
        """Return when the answer is durable. One that nobody waits for any more, or that is there, changes nothing.

        Raises:
            AiAnswerInvalid: it cannot be understood; the place for the answer stays free.
        """
        if not self.reader.is_final(content):
            return
        job_id = await self.parts.answer(call_id, AI, key, content)
        faultpoint("ai.answer_taken")
        if job_id is not None:
            await self.wake_ups.wake(job_id)
