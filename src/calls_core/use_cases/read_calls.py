"""Looking at calls and their recordings."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from calls_core.audit import Action, Actor
from calls_core.call import Call
from calls_core.errors import CallNotFound, NoTranscript, NoWaveform, OriginalNeeded, TranscriptExpired
from calls_core.findings import Peaks, Transcript
from calls_core.hearing import Hears, call_for, recording_for, require_redacted
from calls_core.highlights import Highlight, highlights
from calls_core.ports import CallRepository, CallSearch, PresignedUrl, RecordingStorage, Stemmer
from calls_core.recording import CallId, Recording
from calls_core.search import PAGE_LIMIT, CallFilter, CallPage, PageRequest, StatsBucket, StatsRow
from calls_core.spoken import WordQuery
from calls_core.use_cases.keep_audit import KeepAudit

DOWNLOAD_LIFETIME: Final = timedelta(minutes=15)
TRANSCRIPTS_AT_ONCE: Final = 50


@dataclass(frozen=True, slots=True)
class GetCall:
    calls: CallRepository

    async def __call__(self, call_id: CallId, hears: Hears) -> Call:
        """Return one call; raise ``CallNotFound``."""
        return call_for(await self.calls.get(call_id), hears)


@dataclass(frozen=True, slots=True)
class SearchCalls:
    search: CallSearch
    stemmer: Stemmer

    async def __call__(self, wanted: CallFilter, request: PageRequest, hears: Hears) -> CallPage:
        """Return one page of the calls that fit, with highlights when transcripts are searched.

        Raises:
            OriginalNeeded: transcripts are searched for somebody who may not read them.
        """
        require_askable(wanted, hears)
        page = await self.search.page(wanted, request)
        page = replace(page, items=tuple(call_for(call, hears) for call in page.items))
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

    async def __call__(self, wanted: CallFilter, hears: Hears) -> AsyncIterator[Call]:
        """Yield every call that fits, latest first, in constant memory; raise ``OriginalNeeded`` before the first."""
        require_askable(wanted, hears)
        request = PageRequest(limit=PAGE_LIMIT, count=False)
        while True:
            page = await self.search.page(wanted, request)
            for call in page.items:
                yield call_for(call, hears)
            if page.next_cursor is None:
                return
            request = PageRequest(limit=PAGE_LIMIT, count=False, cursor=page.next_cursor)


@dataclass(frozen=True, slots=True)
class ExportChosen:
    calls: CallRepository
    audit: KeepAudit

    async def __call__(self, call_ids: Collection[CallId], hears: Hears, by: Actor) -> AsyncIterator[Call]:
        """Return those calls of *call_ids* that are there, in their order, to be handed to *by*."""
        await self.audit(Action.EXPORTED, by, details={"calls": str(len(call_ids))})
        return self._found(call_ids, hears)

    async def _found(self, call_ids: Collection[CallId], hears: Hears) -> AsyncIterator[Call]:
        for call_id in call_ids:
            with suppress(CallNotFound):
                yield call_for(await self.calls.get(call_id), hears)


@dataclass(frozen=True, slots=True)
class SummarizeCalls:
    search: CallSearch

    async def __call__(self, wanted: CallFilter, bucket: StatsBucket) -> Sequence[StatsRow]:
        """Return counts and durations per bucket of time."""
        return await self.search.statistics(wanted, bucket)


def require_askable(wanted: CallFilter, hears: Hears) -> None:
    """Refuse to look for words in originals, which would tell bit by bit what is said in them.

    Raises:
        OriginalNeeded: these are words, and not everything said may be known.
    """
    if wanted.text is not None and hears is not Hears.ORIGINAL:
        raise OriginalNeeded("only those who may hear the original can look for words in transcripts: leave text out")


@dataclass(frozen=True, slots=True)
class GetRecording:
    """Read a recording in all its forms, as far as somebody *hears* it.

    Every method raises ``CallNotFound`` and ``RecordingNotFound``, and all but the first ``NotRedacted``.
    """

    calls: CallRepository
    storage: RecordingStorage

    async def __call__(self, call_id: CallId, hears: Hears) -> Recording:
        """Return what may be known of it, which may be very little."""
        return recording_for(await self.calls.recording(call_id), hears)

    async def audible(self, call_id: CallId, hears: Hears) -> Recording:
        """Return the recording whose ``audio`` may be heard: the original or the redacted copy."""
        recording = await self.calls.recording(call_id)
        recording.require_audio()
        require_redacted(recording, hears, audio=True)
        return recording_for(recording, hears)

    async def waveform(self, call_id: CallId, points: int, hears: Hears) -> Peaks:
        """Return peaks of at most *points* points.

        Raises:
            NoWaveform: it was not measured.
        """
        recording = await self._redacted(call_id, hears)
        if recording.signal is None:
            msg = f"the recording of call {call_id} has not been measured by the analyzer signal or pydub"
            raise NoWaveform(msg)
        return recording.signal.peaks.merged(points)

    async def transcript(self, call_id: CallId, hears: Hears) -> Transcript:
        """Return what was said.

        Raises:
            NoTranscript: no analyzer has transcribed it.
            TranscriptExpired: it was too old to be kept.
        """
        found = await self.calls.recording(call_id)
        if found.transcript is None and found.transcript_removed_at is not None:
            when = f"{found.transcript_removed_at:%Y-%m-%d}"
            raise TranscriptExpired(f"what was said in call {call_id} was removed on {when}: it is not kept for longer")
        require_redacted(found, hears)
        transcript = recording_for(found, hears).transcript
        if transcript is None:
            msg = f"the recording of call {call_id} has no transcript; configure an analyzer that makes one"
            raise NoTranscript(msg)
        return transcript

    def audio(
        self, recording: Recording, start: int = 0, end: int | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Lend the bytes of what ``audible`` returned from *start* up to and not including *end*."""
        return self.storage.read(recording.storage_key, start, end)

    async def sha512(self, recording: Recording) -> bytes:
        """Return the SHA-512 of the audio, by reading all of it."""
        digest = hashlib.sha512()
        async with self.audio(recording) as pieces:
            async for piece in pieces:
                digest.update(piece)
        return digest.digest()

    async def download_url(self, call_id: CallId, hears: Hears) -> PresignedUrl:
        """Return an address to download the audio from.

        Raises:
            PresignedUrlsUnavailable: the storage cannot make one.
        """
        found = await self.audible(call_id, hears)
        return await self.storage.presign(found.storage_key, found.filename, found.media_type, DOWNLOAD_LIFETIME)

    async def _redacted(self, call_id: CallId, hears: Hears) -> Recording:
        recording = await self.calls.recording(call_id)
        require_redacted(recording, hears)
        return recording_for(recording, hears)
