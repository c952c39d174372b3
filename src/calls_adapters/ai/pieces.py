"""Which stretches of which channel are sent to the AI service, from what the signal tells."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from calls_core.findings import Signal

RATE_HZ: Final = 16_000
"""What speech models work at; a higher rate would only take longer to send."""
BYTES_PER_SEC: Final = RATE_HZ * 2
ENVELOPE_BYTES: Final = 4096
"""Room for the WAV header and the form around it."""

SHORTEST_SEC: Final = 0.1
"""OpenAI refuses less (``audio_too_short``)."""
_MARGIN_SEC: Final = 0.3
"""How much of the silence around speech goes along: it begins and ends softly."""
_DEAD_SEC: Final = 60.0
"""A silence of this length is not sent: it costs money, and models make up words for it."""

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the decoded channel *lane*, whose words belong to *channel*, None when the speakers share it."""

    lane: int
    channel: int | None
    start_sec: float
    end_sec: float


def longest_piece_sec(max_piece_sec: float, max_upload_bytes: int) -> float:
    return min(max_piece_sec, (max_upload_bytes - ENVELOPE_BYTES) / BYTES_PER_SEC)


def planned(signal: Signal, longest_sec: float) -> tuple[Piece, ...]:
    """Return the pieces, none longer than *longest_sec*, in the order in which they end.

    Each channel is cut by itself: in the silences where it can be, else in the quietest second that is left. A channel
    that is silent throughout gives no piece; channels that are all the same are sent once.
    """
    lanes: list[tuple[int, int | None]] = [(lane, lane) for lane in range(signal.channels)]
    if _are_alike(signal):
        lanes = [(0, None)]
    pieces = [
        Piece(lane, channel, start, end)
        for lane, channel in lanes
        for start, end in _packed(signal, lane, longest_sec)
        if end - start >= SHORTEST_SEC
    ]
    return tuple(sorted(pieces, key=lambda piece: (piece.end_sec, piece.lane)))


def _are_alike(signal: Signal) -> bool:
    """Tell whether all channels carry the same, as dual mono does: the same peaks every few milliseconds."""
    if signal.channels == 1:
        return True
    lanes = 2 * signal.peaks.channels
    shapes = [(signal.peaks.data[2 * c :: lanes], signal.peaks.data[2 * c + 1 :: lanes]) for c in range(lanes // 2)]
    return all(shape == shapes[0] for shape in shapes) and len(set(signal.levels_dbfs)) == 1


def _packed(signal: Signal, lane: int, longest_sec: float) -> Iterator[Span]:
    """Yield stretches with as much sound in them as fits."""
    within = longest_sec - 2 * _MARGIN_SEC
    sounds = [part for sound in _sounds(signal, lane) for part in _split(signal, lane, sound, within)]
    if not sounds:
        return
    packs = [sounds[0]]
    for sound in sounds[1:]:
        start, end = packs[-1]
        if sound[1] - start <= within and sound[0] - end < _DEAD_SEC:
            packs[-1] = (start, sound[1])
        else:
            packs.append(sound)
    edges = [(0.0, 0.0), *packs, (signal.duration_sec, signal.duration_sec)]
    gaps = [after[0] - before[1] for before, after in pairwise(edges)]
    for number, (start, end) in enumerate(packs):
        # Half the gap at most, so that nothing is sent twice; at the ends of the recording there is nobody to share it.
        before = min(_MARGIN_SEC, gaps[number] / (2 if number else 1))
        after = min(_MARGIN_SEC, gaps[number + 1] / (2 if number + 1 < len(packs) else 1))
        yield max(0.0, start - before), min(signal.duration_sec, end + after)


def _sounds(signal: Signal, lane: int) -> Iterator[Span]:
    """Yield the stretches between the silences of *lane*."""
    heard_until = 0.0
    for start, end in sorted((m.start_sec, m.end_sec) for m in signal.silence_marks if m.channel in {None, lane}):
        if start > heard_until:
            yield heard_until, start
        heard_until = max(heard_until, end)
    if signal.duration_sec > heard_until:
        yield heard_until, signal.duration_sec


def _split(signal: Signal, lane: int, sound: Span, longest_sec: float) -> Iterator[Span]:
    """Yield parts of a sound that knows no silence, cut in the quietest second of their second half."""
    start, end = sound
    levels = signal.levels_dbfs[lane] if lane < len(signal.levels_dbfs) else ()
    while end - start > longest_sec:
        seconds = range(int(start + longest_sec / 2), min(int(start + longest_sec), len(levels)))
        quietest = min(seconds, key=lambda second: (levels[second], -second), default=None)
        cut = start + longest_sec if quietest is None else _pause(signal, lane, quietest)
        cut = cut if start < cut < start + longest_sec else start + longest_sec
        yield start, cut
        start = cut
    yield start, end


def _pause(signal: Signal, lane: int, second: int) -> float:
    """Return the middle of the quietest tenth of *second*, as far as the peaks tell; of equals, the most central."""
    peaks = signal.peaks
    per_sec = peaks.sample_rate_hz / peaks.samples_per_point
    signed, stride = memoryview(peaks.data).cast("b"), 2 * peaks.channels
    first, last = math.ceil(second * per_sec), min(math.floor((second + 1) * per_sec), peaks.points)
    heights = [max(-signed[at * stride + 2 * lane], signed[at * stride + 2 * lane + 1]) for at in range(first, last)]
    width = max(1, round(per_sec / 10))
    if len(heights) <= width:
        return second + 0.5
    starts = range(len(heights) - width + 1)
    chosen = min(starts, key=lambda n: (sum(heights[n : n + width]), abs(2 * n + width - len(heights))))
    return (first + chosen + width / 2) / per_sec
