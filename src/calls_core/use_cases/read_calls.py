"""Looking at calls and their recordings."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from calls_core.call import Call
from calls_core.errors import NoTranscript, NoWaveform
from calls_core.findings import Peaks, Transcript
from calls_core.highlights import Highlight, highlights
from calls_core.ports import CallRepository, CallSearch, PresignedUrl, RecordingStorage, Stemmer
from calls_core.recording import CallId, Recording
from calls_core.search import PAGE_LIMIT, CallFilter, CallPage, PageRequest, StatsBucket, StatsRow
from calls_core.spoken import WordQuery

DOWNLOAD_LIFETIME: Final = timedelta(minutes=15)
TRANSCRIPTS_AT_ONCE: Final = 50


@dataclass(frozen=True, slots=True)
class GetCall:
    calls: CallRepository

    async def __call__(self, call_id: CallId) -> Call:
        """Return one call; raise ``CallNotFound``."""
        return await self.calls.get(call_id)


@dataclass(frozen=True, slots=True)
class SearchCalls:
    search: CallSearch
    stemmer: Stemmer

    async def __call__(self, wanted: CallFilter, request: PageRequest) -> CallPage:
        """Return one page of the calls that fit, with highlights when transcripts are searched."""
        page = await self.search.page(wanted, request)
        if wanted.text is None:
            return page
        query = wanted.text.stemmed(self.stemmer.stem)
        ids = [call.id for call in page.items]
        marked: dict[CallId, tuple[Highlight, ...]] = {}
        for start in range(0, len(ids), TRANSCRIPTS_AT_ONCE):
            transcripts = await self.search.transcripts(ids[start : start + TRANSCRIPTS_AT_ONCE])
            marked |= await asyncio.to_thread(self._marked, transcripts, query)
        return replace(page, highlights={call_id: marked.get(call_id, ()) for call_id in ids})

    def _marked(
        self, transcripts: Mapping[CallId, Transcript], query: WordQuery
    ) -> Mapping[CallId, tuple[Highlight, ...]]:
        return {call_id: highlights(said, query, self.stemmer.stem) for call_id, said in transcripts.items()}


@dataclass(frozen=True, slots=True)
class ExportCalls:
    search: CallSearch

    async def __call__(self, wanted: CallFilter) -> AsyncIterator[Call]:
        """Yield every call that fits, latest first, in constant memory."""
        request = PageRequest(limit=PAGE_LIMIT, count=False)
        while True:
            page = await self.search.page(wanted, request)
            for call in page.items:
                yield call
            if page.next_cursor is None:
                return
            request = PageRequest(limit=PAGE_LIMIT, count=False, cursor=page.next_cursor)


@dataclass(frozen=True, slots=True)
class SummarizeCalls:
    search: CallSearch

    async def __call__(self, wanted: CallFilter, bucket: StatsBucket) -> Sequence[StatsRow]:
        """Return counts and durations per bucket of time."""
        return await self.search.statistics(wanted, bucket)


@dataclass(frozen=True, slots=True)
class GetRecording:
    """Read a recording in all its forms. Every method raises ``CallNotFound`` and ``RecordingNotFound``."""

    calls: CallRepository
    storage: RecordingStorage

    async def __call__(self, call_id: CallId) -> Recording:
        return await self.calls.recording(call_id)

    async def waveform(self, call_id: CallId, points: int) -> Peaks:
        """Return peaks of at most *points* points.

        Raises:
            NoWaveform: it was not measured.
        """
        recording = await self.calls.recording(call_id)
        if recording.signal is None:
            msg = f"the recording of call {call_id} has not been measured by the analyzer signal or pydub"
            raise NoWaveform(msg)
        return recording.signal.peaks.merged(points)

    async def transcript(self, call_id: CallId) -> Transcript:
        """Return what was said.

        Raises:
            NoTranscript: no analyzer has transcribed it.
        """
        transcript = (await self.calls.recording(call_id)).transcript
        if transcript is None:
            msg = f"the recording of call {call_id} has no transcript; configure an analyzer that makes one"
            raise NoTranscript(msg)
        return transcript

    def audio(
        self, recording: Recording, start: int = 0, end: int | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Lend the bytes of *recording* from *start* up to and not including *end*."""
        return self.storage.read(recording.storage_key, start, end)

    async def sha512(self, recording: Recording) -> bytes:
        """Return the SHA-512 of the audio, by reading all of it."""
        digest = hashlib.sha512()
        async with self.audio(recording) as pieces:
            async for piece in pieces:
                digest.update(piece)
        return digest.digest()

    async def download_url(self, call_id: CallId) -> PresignedUrl:
        """Return an address to download the audio from.

        Raises:
            PresignedUrlsUnavailable: the storage cannot make one.
        """
        found = await self.calls.recording(call_id)
        return await self.storage.presign(found.storage_key, found.filename, found.media_type, DOWNLOAD_LIFETIME)
