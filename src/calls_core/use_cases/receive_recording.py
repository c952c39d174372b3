"""Bytes of a recording, on their way into the storage."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from calls_core.errors import CallsError, DigestMismatch, StorageUnavailable, TooLarge, Unavailable
from calls_core.events import Event, EventId, EventType
from calls_core.faultpoint import faultpoint
from calls_core.formats import clean_filename, media_type_of, require_bytes
from calls_core.job import Patience
from calls_core.ports import Holds, NewId, RecordingStorage, Telemetry
from calls_core.recording import CallId, Recording, RecordingId, Step, StepPlan

_log = logging.getLogger("calls.receive")


@dataclass(frozen=True, slots=True)
class UploadLimits:
    max_bytes: int = 2 * 1024**3

    def require_room(self, size_bytes: int) -> None:
        """Return when a recording of so many bytes is accepted.

        Raises:
            TooLarge: it is not.
        """
        if size_bytes > self.max_bytes:
            msg = f"a recording may have at most {self.max_bytes} bytes (MAX_UPLOAD_BYTES)"
            raise TooLarge(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A file whose bytes are durable but belong to no call yet."""

    id: RecordingId
    filename: str
    media_type: str
    size_bytes: int
    sha256: str
    storage_key: str

    def recording(self, call_id: CallId, plan: tuple[StepPlan, ...], now: datetime) -> Recording:
        return Recording(
            id=self.id,
            call_id=call_id,
            filename=self.filename,
            media_type=self.media_type,
            size_bytes=self.size_bytes,
            sha256=self.sha256,
            storage_key=self.storage_key,
            created_at=now,
            updated_at=now,
            steps=tuple(Step(analyzer=p.analyzer, version=p.version, after=p.after) for p in plan),
        )


@dataclass(frozen=True, slots=True)
class ReceiveRecording:
    """Put an upload into the storage, held until a transaction makes it a recording.

    The hold comes before the first byte, so that whatever happens, the sweep knows of the bytes. When the transaction
    is refused, the bytes go at once; when its outcome is unknown, they stay: if it did commit, the hold is gone and
    they belong to a recording; if not, the sweep clears them once the hold has ended.
    """

    storage: RecordingStorage
    holds: Holds
    limits: UploadLimits
    patience: Patience
    new_id: NewId
    telemetry: Telemetry

    @asynccontextmanager
    async def __call__(
        self, filename: str, chunks: AsyncIterator[bytes], sha256: str | None = None
    ) -> AsyncIterator[Received]:
        """Lend what was received; commit it inside the block. *sha256* is what the sender announced, in lower-case hex.

        Raises:
            UnsupportedExtension, EmptyRecording, DigestMismatch, TooLarge: the upload is refused.
            StorageUnavailable, RepositoryUnavailable: the outcome is unknown and nothing is accepted.
        """
        filename = clean_filename(filename)
        media_type = media_type_of(filename)
        key = f"{uuid4().hex[:2]}/{uuid4().hex}"
        async with self._holding(key):
            try:
                with self.telemetry.span("store recording") as span:
                    stored = await self.storage.put(key, self._limited(chunks))
                    span.tell(size_bytes=stored.size_bytes)
            except StorageUnavailable:
                raise
            except BaseException:
                await asyncio.shield(self.discard(key))
                raise
        faultpoint("api.blob_stored")
        try:
            require_bytes(stored.size_bytes, filename)
            if sha256 not in {None, stored.sha256}:
                msg = f"the bytes received have the SHA-256 {stored.sha256}, not {sha256}; send the recording again"
                raise DigestMismatch(msg)
            yield Received(
                id=RecordingId(self.new_id()),
                filename=filename,
                media_type=media_type,
                size_bytes=stored.size_bytes,
                sha256=stored.sha256,
                storage_key=key,
            )
        except Unavailable:
            raise
        except CallsError:
            await asyncio.shield(self.discard(key))
            raise

    async def _limited(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in chunks:
            size += len(chunk)
            self.limits.require_room(size)
            yield chunk

    @asynccontextmanager
    async def _holding(self, key: str) -> AsyncIterator[None]:
        """Renew the hold on *key* while the block runs; end the block when it cannot be renewed in time.

        The storage may need longer than a hold lasts to make the last bytes durable, when none arrive any more.
        """
        await self.holds.hold(key, self.patience.lease)
        try:
            async with asyncio.timeout(None) as limit:
                renewal = asyncio.create_task(self._renew(key, limit))
                try:
                    yield
                finally:
                    renewal.cancel()
        except TimeoutError:
            if limit.expired():
                raise renewal.result() from None
            raise

    async def _renew(self, key: str, limit: asyncio.Timeout) -> CallsError:
        """Return, after *limit* was set to now, why the hold is lost."""
        misses = 0
        while True:
            await asyncio.sleep(self.patience.heartbeat.total_seconds())
            try:
                await self.holds.renew(key, self.patience.lease)
                misses = 0
            except CallsError as error:
                _log.warning("the hold on %s could not be renewed: %s", key, error)
                misses += 1
                if misses > 1 or not isinstance(error, Unavailable):
                    limit.reschedule(asyncio.get_running_loop().time())
                    return error

    async def discard(self, key: str) -> None:
        """Delete bytes that shall not become a recording after all."""
        try:
            await self.storage.delete(key)
            await self.holds.drop(key)
        except Unavailable as error:
            _log.warning("refused upload %s is left to the sweep: %s", key, error)


@contextmanager
def refusals_counted(telemetry: Telemetry) -> Iterator[None]:
    """Count the recording that the block was handed and could not accept; one that it accepted, it must count."""
    try:
        yield
    except Unavailable:
        telemetry.upload_ended("unavailable")
        raise
    except CallsError:
        telemetry.upload_ended("refused")
        raise
    except BaseException:
        telemetry.upload_ended("broken_off")
        raise


def attached(recording: Recording, new_id: NewId) -> Event:
    """Return the event that tells of a recording that was accepted just now."""
    return Event(
        id=EventId(new_id()),
        type=EventType.RECORDING_ATTACHED,
        call_id=recording.call_id,
        occurred_at=recording.created_at,
    )
