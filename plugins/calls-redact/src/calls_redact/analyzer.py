"""The analyzer ``redact``: transcripts in, a masked one and the spans to mute out."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from calls_core.errors import NeedsFailedStep
from calls_core.findings import Finding, MutedSpan, Redaction, Signal, Transcript
from calls_core.ports import Audio

from calls_redact.kinds import KINDS, REGIONS, found_in
from calls_redact.lanes import Lane, lanes
from calls_redact.masking import Masks, masked

TRANSCRIBERS: Final = ("ai", "whisper")
PADDING_SEC: Final = 0.25
"""How much more is muted on both sides: times of words are guessed by a model."""
TOUCHING_SEC: Final = 0.5
"""Spans of one kind and side that are nearer to each other are one."""
WHOLE_SEC: Final = 7 * 86400.0
"""The end of a recording whose length nobody has measured: the service accepts none that is longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactAnalyzer:
    """Looks through every transcript: all of them are heard in one recording. The first one is masked."""

    name: str = "redact"
    after: Sequence[str] = TRANSCRIBERS
    derived: bool = True
    reads_audio: bool = False
    regions: Sequence[str] = REGIONS
    kinds: Sequence[str] = KINDS

    @property
    def version(self) -> str:
        return f"1+{sha256(repr((*self.regions, None, *self.kinds)).encode()).hexdigest()[:8]}"

    async def analyze(self, audio: Audio) -> Redaction:
        """Return the masked transcript and where it is masked.

        Raises:
            NeedsFailedStep: there is no transcript, so that nobody knows what is said.
        """
        return await asyncio.to_thread(self.redact, audio.findings)

    def redact(self, findings: Mapping[str, Finding]) -> Redaction:
        ordered = [findings[name] for name in dict.fromkeys((*self.after, *findings)) if name in findings]
        transcripts = [finding for finding in ordered if isinstance(finding, Transcript)]
        if not transcripts:
            raise NeedsFailedStep(
                "there is no transcript to look through; put an analyzer that makes one before redact"
            )
        signal = next((finding for finding in ordered if isinstance(finding, Signal)), None)
        whole_sec = signal.duration_sec if signal and signal.duration_sec else WHOLE_SEC
        first: Transcript | None = None
        spans: list[MutedSpan] = []
        for transcript in transcripts:
            masks = Masks()
            for lane in lanes(transcript, whole_sec):
                spans += self._spans(lane, masks, whole_sec)
            first = first or masked(transcript, masks)
        assert first is not None  # noqa: S101 (there is one at least)
        return Redaction(transcript=first, spans=_joined(spans), caveat=first.caveat)

    def _spans(self, lane: Lane, masks: Masks, whole_sec: float) -> Iterator[MutedSpan]:
        for match in found_in(lane.text, self.kinds, self.regions):
            for piece, start, end in lane.pieces_in(match.start, match.end):
                masks.add(piece, start, end)
                begins = max(0.0, piece.start_sec - PADDING_SEC)
                ends = max(piece.start_sec, piece.end_sec) + PADDING_SEC
                yield MutedSpan(
                    start_sec=round(begins, 3),
                    end_sec=round(max(begins + PADDING_SEC, min(ends, max(whole_sec, begins))), 3),
                    kind=match.kind,
                    channel=lane.channel,
                )


def _joined(spans: Sequence[MutedSpan]) -> tuple[MutedSpan, ...]:
    """Return *spans* in the order of time, those of one kind and side that nearly touch as one."""
    whole: list[MutedSpan] = []
    latest: dict[tuple[str, int | None], int] = {}
    for span in sorted(spans, key=lambda each: (each.start_sec, each.end_sec)):
        side = (span.kind, span.channel)
        place = latest.get(side)
        if place is not None and span.start_sec - whole[place].end_sec <= TOUCHING_SEC:
            before = whole[place]
            end_sec = max(before.end_sec, span.end_sec)
            whole[place] = MutedSpan(start_sec=before.start_sec, end_sec=end_sec, kind=span.kind, channel=span.channel)
        else:
            latest[side] = len(whole)
            whole.append(span)
    return tuple(whole)
