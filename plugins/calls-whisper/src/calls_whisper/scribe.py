"""Writes one recording down, piece by piece, in one language."""

from collections.abc import Sequence
from dataclasses import dataclass

from calls_core.findings import Segment

from calls_whisper.languages import Ballot
from calls_whisper.loops import without_loops
from calls_whisper.packing import Piece
from calls_whisper.sharing import SharedEngine
from calls_whisper.speech import RATE_HZ, Samples, Written


@dataclass(frozen=True, slots=True)
class Draft:
    """A piece as it was written down before the call's language was certain."""

    piece: Piece
    written: Written
    language: str | None


class Scribe:
    """*apart* tells that each channel is a speaker, and so named in the segments."""

    def __init__(self, engine: SharedEngine, language: str | None, *, apart: bool) -> None:
        self._engine = engine
        self._apart = apart
        self._ballot = Ballot()
        self._drafts: list[Draft] = []
        self._segments: list[Segment] = []
        self.language = language

    async def speech(self, samples: Samples) -> Sequence[tuple[int, int]]:
        return await self._engine.run(lambda engine: engine.speech(samples))

    async def take(self, piece: Piece) -> None:
        written = await self._written(piece)
        if self.language is not None:
            self._keep(piece, written)
            return
        self._ballot.add(written.languages, len(piece.samples) / RATE_HZ)
        self._drafts.append(Draft(piece, written, max(written.languages, key=written.languages.__getitem__)))
        if self._ballot.is_decided:
            await self._settle()

    async def finish(self) -> tuple[Segment, ...]:
        """Return what was said by all, in the order of time."""
        await self._settle()
        return tuple(sorted(self._segments, key=lambda segment: (segment.start_sec, segment.channel or 0)))

    async def _settle(self) -> None:
        """Keep the drafts; those in another language than the call's are written once more."""
        self.language = self.language or self._ballot.winner
        for draft in self._drafts:
            again = draft.language != self.language
            self._keep(draft.piece, await self._written(draft.piece) if again else draft.written)
        self._drafts = []

    async def _written(self, piece: Piece) -> Written:
        language = self.language
        return await self._engine.run(lambda engine: engine.write_down(piece.samples, language))

    def _keep(self, piece: Piece, written: Written) -> None:
        channel = piece.channel if self._apart else None
        self._segments += piece.segments(without_loops(written.sentences), channel)
