"""Recordings that come in several requests, each of which may break off."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

from calls_core.call import CallDetails
from calls_core.errors import EmptyRecording, RecordingExists, RecordingNotFound, TooLarge, UploadConflict
from calls_core.formats import clean_filename, media_type_of
from calls_core.ports import (
    CallRepository,
    Clock,
    Holds,
    NewId,
    RecordingStorage,
    Upload,
    UploadId,
    UploadPart,
    Uploads,
)
from calls_core.recording import CallId
from calls_core.use_cases.attach_recording import AttachRecording
from calls_core.use_cases.ingest_call import IngestCall
from calls_core.use_cases.receive_recording import Received, ReceiveRecording

LIFETIME: Final = timedelta(hours=24)
PART: Final = 64 * 1024**2
"""So many bytes are confirmed at once while they flow: what a server that dies can cost the client."""

PARTS_LIMIT: Final = 10_000
PUT_TOGETHER_WITHIN: Final = timedelta(hours=1)
WAIT_FOR_OTHER_SEC: Final = 5.0


@dataclass(frozen=True, slots=True)
class ResumeUpload:
    """Begin uploads, add to them, and make recordings of them.

    Bytes are confirmed when they are durable and the upload's row says so. The last of them are confirmed by the
    transaction that accepts the recording, so that an upload which looks complete is one whose recording is accepted.
    An upload that came in one piece is accepted as it lies; others are put together first.
    """

    uploads: Uploads
    calls: CallRepository
    receive: ReceiveRecording
    attach: AttachRecording
    ingest: IngestCall
    storage: RecordingStorage
    holds: Holds
    clock: Clock
    new_id: NewId
    _running: dict[UploadId, asyncio.Event] = field(default_factory=dict, init=False)

    async def begin(self, owner: str, filename: str, length: int, target: CallId | CallDetails) -> Upload:
        """Return a new upload for the call *target*, or for a new call that *target* describes.

        Raises:
            UnsupportedExtension, EmptyRecording, TooLarge: a file like that is not accepted.
            CallNotFound, RecordingExists: the call cannot take a recording.
            IntakePaused: new calls are not accepted.
        """
        filename = clean_filename(filename)
        media_type_of(filename)
        if length == 0:
            raise EmptyRecording(f"{filename!r} holds no bytes")
        self._require_room(length)
        call_id, details = (None, target) if isinstance(target, CallDetails) else (target, None)
        if call_id is None:
            await self.ingest.intake.require_open()
        else:
            await self._require_no_recording(call_id)
        upload = Upload(
            id=UploadId(self.new_id()),
            owner=owner,
            filename=filename,
            length=length,
            expires_at=self.clock() + LIFETIME,
            call_id=call_id,
            details=details,
        )
        await self.uploads.add(upload)
        return upload

    async def find(self, owner: str, upload_id: UploadId) -> Upload:
        """Return the upload, after what is just being saved of it.

        Raises:
            UploadNotFound, UploadExpired: there is none.
        """
        await self._wait_for_other(upload_id)
        return await self.uploads.get(owner, upload_id)

    async def append(
        self, owner: str, upload_id: UploadId, offset: int, chunks: AsyncIterator[bytes], *, whole: bool = False
    ) -> Upload:
        """Add *chunks*, which begin at *offset*, and return the upload as it stands then.

        When *chunks* ends early, what came is kept; when it raises, what came since the last part is not. With
        *whole*, nothing is confirmed before all of it has come.

        Raises:
            UploadNotFound, UploadExpired: there is none.
            UploadConflict: it stands elsewhere, or somebody else has begun to add to it.
            TooLarge: more comes than was announced, or in too many parts.
            And what ``AttachRecording`` or ``IngestCall`` raise when it is complete.
        """
        await self._wait_for_other(upload_id)
        upload = await self.uploads.get(owner, upload_id)
        if upload.offset != offset or upload.finished:
            raise UploadConflict(f"the upload has {upload.offset} bytes; go on from there, not from {offset}")
        with self._alone_here(upload_id):
            upload = await self.uploads.begin(upload, self.clock() + LIFETIME)
            pieces = _Pieces(chunks, upload.length - upload.offset, upload.length if whole else PART)
            while await pieces.has_more():
                if len(upload.parts) >= PARTS_LIMIT:
                    raise TooLarge(f"the upload came in more than {PARTS_LIMIT} parts; begin anew with larger ones")
                async with self.receive(upload.filename, pieces.next()) as part:
                    if upload.offset + part.size_bytes == upload.length:
                        await pieces.require_end()
                        upload = await self._finish(upload, part)
                    else:
                        upload = await self.uploads.add_part(upload, UploadPart(part.storage_key, part.size_bytes))
        return upload

    async def remove(self, owner: str, upload_id: UploadId) -> None:
        """End the upload; a recording that it has become stays.

        Raises:
            UploadNotFound, UploadExpired: there is none.
        """
        await self.uploads.remove(await self.uploads.get(owner, upload_id))

    async def _finish(self, upload: Upload, last: Received) -> Upload:
        if not upload.parts:
            return await self._accept(upload, last)
        parts = (*upload.parts, UploadPart(last.storage_key, last.size_bytes))
        await self.holds.renew(last.storage_key, PUT_TOGETHER_WITHIN)
        async with self.receive(upload.filename, self._joined(parts)) as whole:
            return await self._accept(replace(upload, parts=parts), whole)

    async def _accept(self, upload: Upload, received: Received) -> Upload:
        if upload.details is None:
            assert upload.call_id is not None  # noqa: S101 (one of the two is known)
            recording = await self.attach.accept(upload.call_id, received, upload=upload)
            call_id = recording.call_id
        else:
            outcome = await self.ingest.accept(upload.details, received, upload=upload)
            call_id = outcome.call.id
            if not outcome.is_new:
                await self.uploads.close(upload, call_id)
        return replace(upload, call_id=call_id, details=None, parts=(), finished=True)

    async def _joined(self, parts: tuple[UploadPart, ...]) -> AsyncIterator[bytes]:
        for part in parts:
            async with self.storage.read(part.key) as pieces:
                async for piece in pieces:
                    yield piece

    async def _require_no_recording(self, call_id: CallId) -> None:
        try:
            await self.calls.recording(call_id)
        except RecordingNotFound:
            return
        raise RecordingExists(f"call {call_id} has a recording already; register another call for another one")

    def _require_room(self, length: int) -> None:
        limit = self.receive.limits.max_bytes
        if length > limit:
            raise TooLarge(f"a recording may have at most {limit} bytes (MAX_UPLOAD_BYTES)")

    @contextmanager
    def _alone_here(self, upload_id: UploadId) -> Iterator[None]:
        done = asyncio.Event()
        self._running[upload_id] = done
        try:
            yield
        finally:
            done.set()
            if self._running.get(upload_id) is done:
                del self._running[upload_id]

    async def _wait_for_other(self, upload_id: UploadId) -> None:
        """Let a request whose line was cut save what it has, so that the client need not send it again."""
        if done := self._running.get(upload_id):
            await asyncio.wait([asyncio.ensure_future(done.wait())], timeout=WAIT_FOR_OTHER_SEC)


class _Pieces:
    """Cuts a stream of at most *limit* bytes into pieces of *size*; more is ``TooLarge``."""

    def __init__(self, chunks: AsyncIterator[bytes], limit: int, size: int) -> None:
        self._chunks = chunks
        self._left = limit
        self._size = size
        self._chunk = b""

    async def has_more(self) -> bool:
        while not self._chunk:
            try:
                self._chunk = await anext(self._chunks)
            except StopAsyncIteration:
                return False
        return True

    async def next(self) -> AsyncIterator[bytes]:
        room = self._size
        while room and await self.has_more():
            taken, self._chunk = self._chunk[:room], self._chunk[room:]
            room -= len(taken)
            self._left -= len(taken)
            if self._left < 0:
                raise TooLarge("more bytes came than Upload-Length announced")
            yield taken

    async def require_end(self) -> None:
        if await self.has_more():
            raise TooLarge("more bytes came than Upload-Length announced")
