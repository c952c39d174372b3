"""Making the archive of an export: everything streams, and death at any moment only costs time."""

import asyncio
import logging
import re
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import IO, Final
from uuid import uuid4

from calls_core.call import Call
from calls_core.errors import (
    CallNotFound,
    ExportTooLarge,
    LeaseLost,
    RecordingNotFound,
    Unavailable,
    UploadExpired,
    WorkerLost,
)
from calls_core.exports import Archive, ExportClaim, ExportContent, ExportId
from calls_core.hearing import call_for, recording_for
from calls_core.job import Patience
from calls_core.ports import CallRepository, Clock, Exports, ExportSheets, Holds, RecordingStorage
from calls_core.recording import Recording
from calls_core.search import CallFilter, PageRequest
from calls_core.use_cases.hold_lease import while_leased
from calls_core.use_cases.order_export import ExportRules
from calls_core.use_cases.read_calls import ExportCalls
from calls_core.use_cases.zip_stream import PIECE, ZipStream

SPOOLED: Final = 1024 * 1024
NAME_PART: Final = 32
ENCLOSED_AT_ONCE: Final = 100
_UNSAFE: Final = re.compile(r"[^0-9A-Za-z+]+")

_log = logging.getLogger("calls.exports")


@dataclass(slots=True)
class Progress:
    done: int = 0
    total: int | None = None


@dataclass(frozen=True, slots=True)
class BuildExport:
    """Make one archive that waits, if there is one.

    It is written under a hold of its own, into a new place at every attempt; the transaction that ends the export takes
    the hold away. What a dead worker has left is cleared like any abandoned upload.
    """

    exports: Exports
    calls: CallRepository
    found: ExportCalls
    storage: RecordingStorage
    holds: Holds
    sheets: ExportSheets
    rules: ExportRules
    patience: Patience
    clock: Clock

    async def __call__(self, worker: str) -> ExportId | None:
        """Work on the export that waits the longest; return its id, None when none waits."""
        claim = await self.exports.claim(worker, self.patience.lease)
        if claim is None:
            return None
        key = f"{uuid4().hex[:2]}/{uuid4().hex}"
        await self.holds.hold(key, self.patience.lease)
        try:
            await self._build(claim, key)
        except (LeaseLost, UploadExpired) as lost:
            _log.info("export %s: %s", claim.export.id, lost)
        except ExportTooLarge as error:
            await self.exports.fail(claim, error.reason)
        except Unavailable as error:
            _log.warning("export %s waits: %s", claim.export.id, error)
            await self._put_back(claim, burn_attempt=False)
            raise
        except asyncio.CancelledError:
            await asyncio.shield(self._put_back(claim, burn_attempt=False))
            raise
        except Exception:
            await self._put_back(claim, burn_attempt=True)
            raise
        return claim.export.id

    async def give_up(self) -> int:
        """End the exports whose workers died too often; return how many."""
        return await self.exports.give_up(
            WorkerLost("its workers died; look at their logs, then order it again").reason
        )

    async def _build(self, claim: ExportClaim, key: str) -> None:
        progress = Progress()

        async def renew(lease: timedelta) -> None:
            await self.exports.renew(claim, lease, progress.done, progress.total)
            await self.holds.renew(key, lease)

        limit = max(claim.export.expires_at - self.clock(), self.patience.lease)
        making = self.storage.put(key, self._limited(_Making(self, claim, progress).pieces()))
        stored = await while_leased(renew, self.patience, making, limit)
        archive = Archive(storage_key=key, size_bytes=stored.size_bytes, sha256=stored.sha256)
        await self.exports.finish(claim, archive, progress.done)
        _log.info("export %s holds %d calls in %d bytes", claim.export.id, progress.done, stored.size_bytes)

    async def _limited(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        size = 0
        async for piece in pieces:
            size += len(piece)
            if size > self.rules.max_bytes:
                raise ExportTooLarge(
                    f"an archive may have at most {self.rules.max_bytes} bytes (EXPORT_MAX_BYTES); narrow the filter"
                )
            yield piece

    async def _put_back(self, claim: ExportClaim, *, burn_attempt: bool) -> None:
        delay = self.patience.retry_delay(claim.export.attempt)
        with suppress(LeaseLost, Unavailable):  # then its lease ends by itself
            await self.exports.put_back(claim, delay, burn_attempt=burn_attempt)


class _Making:
    """The pieces of one archive, as its owner may hear and read them. Lists of calls are spooled beside it: they are
    complete only when the audio is in."""

    def __init__(self, by: BuildExport, claim: ExportClaim, progress: Progress) -> None:
        self._by = by
        self._claim = claim
        self._export = claim.export
        self._progress = progress
        self._zip = ZipStream()

    async def pieces(self) -> AsyncIterator[bytes]:
        with self._zip, _spool() as manifest, _spool() as metadata:
            manifest.write(self._by.sheets.heading())
            async for call in self._calls():
                try:
                    recording = await self._recording(call)
                except CallNotFound:  # erased meanwhile
                    continue
                async for piece in self._files_of(call, recording, manifest):
                    yield piece
                if ExportContent.METADATA in self._export.contents:
                    with_words = ExportContent.TRANSCRIPT in self._export.contents
                    metadata.write(self._by.sheets.metadata(call, recording, with_words=with_words))
                self._progress.done += 1
            sheets = {"manifest.csv": manifest}
            if ExportContent.METADATA in self._export.contents:
                sheets["calls.jsonl"] = metadata
            for name, sheet in sheets.items():
                async for piece in self._zip.added(name, _read(sheet), self._export.created_at, compressed=True):
                    yield piece
            for piece in self._zip.ended():
                yield piece

    async def _calls(self) -> AsyncIterator[Call]:
        if self._export.call_ids:
            self._progress.total = len(self._export.call_ids)
            for start in range(0, len(self._export.call_ids), ENCLOSED_AT_ONCE):
                some = self._export.call_ids[start : start + ENCLOSED_AT_ONCE]
                await self._by.exports.enclose(self._claim, some)
                for call_id in some:
                    with suppress(CallNotFound):
                        yield call_for(await self._by.calls.get(call_id), self._export.hears)
            return
        self._progress.total = await self._counted(self._export.wanted)
        async for some_calls in _batched(self._by.found(self._export.wanted, self._export.hears)):
            await self._by.exports.enclose(self._claim, [call.id for call in some_calls])
            for call in some_calls:
                yield call

    async def _counted(self, wanted: CallFilter) -> int:
        return (await self._by.found.search.page(wanted, PageRequest(limit=1, exact_count=True))).total

    async def _recording(self, call: Call) -> Recording | None:
        try:
            return recording_for(await self._by.calls.recording(call.id), self._export.hears)
        except RecordingNotFound:
            return None

    async def _files_of(self, call: Call, recording: Recording | None, manifest: IO[bytes]) -> AsyncIterator[bytes]:
        audio = transcript = ""
        notes = [] if recording else ["no recording"]
        if recording is not None and recording.audio_removed_at is not None:
            notes.append("the audio was too old to be kept")
        elif recording is not None and not recording.storage_key:
            notes.append("not redacted, or not yet")
        elif recording is not None and ExportContent.AUDIO in self._export.contents:
            name = f"audio/{stem(call)}.{extension(recording)}"
            try:
                async with self._by.storage.read(recording.storage_key) as content:
                    async for piece in self._zip.added(name, content, call.details.started_at):
                        yield piece
                audio = name
            except RecordingNotFound:
                notes.append("the audio is not in the storage any more")
        said = recording.transcript if recording else None
        if said is not None and ExportContent.TRANSCRIPT in self._export.contents:
            transcript = f"transcripts/{stem(call)}.txt"
            content = _once(self._by.sheets.transcript(said))
            async for piece in self._zip.added(transcript, content, call.details.started_at, compressed=True):
                yield piece
        manifest.write(self._by.sheets.line(call, recording, audio, transcript, "; ".join(notes)))


def stem(call: Call) -> str:
    """Return a file name for *call* that is safe everywhere, sorts by time, and that no other call has."""
    parties = (_UNSAFE.sub("-", party)[:NAME_PART].strip("-") for party in (call.details.caller, call.details.receiver))
    return "_".join([f"{call.details.started_at:%Y-%m-%d_%H-%M-%S}", *filter(None, parties), str(call.id)])


def extension(recording: Recording) -> str:
    """Return the extension by which the recording was accepted, which is one of a short list."""
    return recording.filename.rpartition(".")[2].lower()


def _spool() -> "tempfile.SpooledTemporaryFile[bytes]":
    return tempfile.SpooledTemporaryFile(SPOOLED)


async def _read(spool: IO[bytes]) -> AsyncIterator[bytes]:
    spool.seek(0)
    while piece := spool.read(PIECE):
        yield piece


async def _batched(calls: AsyncIterator[Call]) -> AsyncIterator[Sequence[Call]]:
    some: list[Call] = []
    async for call in calls:
        some.append(call)
        if len(some) == ENCLOSED_AT_ONCE:
            yield some
            some = []
    if some:
        yield some


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
