"""What clients do in the small world: the same every time, so that a fault at call N is a fault at one place."""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from calls_core.call import CallDetails
from calls_core.errors import CallNotFound, InvalidInput, RecordingExists, UploadExpired
from calls_core.recording import CallId
from tests.faults.history import Answer, Upload
from tests.faults.small_world import POISON, Process, SmallWorld

START: Final = datetime(2026, 1, 1, tzinfo=UTC)
TRIES: Final = 4
SLOW_PIECES: Final = 6

Send = Callable[[Process, Upload], Awaitable[Answer]]


class Client:
    """Uploads in every way there is; *no_answer* are the errors that tell a client nothing."""

    def __init__(
        self, world: SmallWorld, connect: Callable[[], Process], no_answer: tuple[type[BaseException], ...]
    ) -> None:
        self.uploads: list[Upload] = []
        self._world = world
        self._connect = connect
        self._no_answer = no_answer

    async def play(self, work: Callable[[], Awaitable[None]]) -> None:
        """Upload, let others *work* in between, and note what was answered."""
        await self._send("at once", b"one", self._ingest)
        await self._send("given up", b"two", self._attach, tries=1)
        await self._send("other digest", b"three", self._announced_otherwise)
        await self._send("poison", POISON, self._ingest, ends="failed")
        await work()
        await self._send("erased", b"four", self._attach)
        await self._erase(self.uploads[-1])

        async def slowly(process: Process, upload: Upload) -> Answer:
            return await self._ingest(process, upload, work)

        await self._send("slow", b"slow recording", slowly)
        await work()

    async def _send(self, key: str, data: bytes, send: Send, tries: int = TRIES, ends: str = "ready") -> None:
        upload = Upload(key=key, sha256=hashlib.sha256(data).hexdigest(), ends=ends)
        self.uploads.append(upload)
        self._data = data
        for _ in range(tries):
            try:
                upload.answer = await send(self._connect(), upload)
            except self._no_answer:
                continue
            except UploadExpired:
                self._world.later(seconds=1)
                continue
            except RecordingExists:
                upload.answer = Answer.ACCEPTED
            except InvalidInput:
                upload.answer = Answer.REFUSED
            return

    async def _ingest(
        self, process: Process, upload: Upload, work: Callable[[], Awaitable[None]] | None = None
    ) -> Answer:
        outcome = await process.ingest(lambda: self._details(upload.key), "a.wav", self._chunks(self._data, work))
        upload.call_id = str(outcome.call.id)
        return Answer.ACCEPTED

    async def _attach(self, process: Process, upload: Upload) -> Answer:
        call = (await process.register(self._details(upload.key))).call
        upload.call_id = str(call.id)
        await process.attach(call.id, "a.wav", self._chunks(self._data))
        return Answer.ACCEPTED

    async def _announced_otherwise(self, process: Process, upload: Upload) -> Answer:
        call = (await process.register(self._details(upload.key))).call
        await process.attach(call.id, "a.wav", self._chunks(self._data), "0" * 64)
        return Answer.ACCEPTED

    async def _erase(self, upload: Upload) -> None:
        assert upload.call_id is not None
        for _ in range(TRIES):
            try:
                await self._connect().erase(CallId(UUID(upload.call_id)))
            except self._no_answer:
                continue
            except CallNotFound:
                pass
            upload.answer = Answer.ERASED
            return

    def _details(self, key: str) -> CallDetails:
        return CallDetails.checked(caller="+7900", receiver="101", started_at=START, external_id=key)

    async def _chunks(self, data: bytes, work: Callable[[], Awaitable[None]] | None = None) -> AsyncIterator[bytes]:
        size = max(1, len(data) // (SLOW_PIECES if work else 2))
        for offset in range(0, len(data), size):
            yield data[offset : offset + size]
            if work is not None:
                # Longer than one lease in all: holds are renewed by the clock on the wall, which stands still here.
                self._world.later(seconds=self._world.lease.total_seconds() / 3)
                await work()
