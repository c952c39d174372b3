"""From levels and the detector's decisions to the talkspurts of each side."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calls_conversation.definitions import Definitions
from calls_conversation.likeness import Leak
from calls_conversation.listening import CELL_MS, TENTHS, Levels, Track
from calls_conversation.spans import Span, joined, spans_of

# The detector goes on for up to three frames of 30 ms after speech has ended.
_HANGOVER_CELLS: Final = 12
_EDGE_TENTHS: Final = 200
_CLICK_MS: Final = 30

# The detector takes noise for speech that is as loud as speech: now and then, or all the time. No voice is as even.
_NOISE_PERCENTILE: Final = 10
_PAST_NOISE_TENTHS: Final = 30
_EVEN_MS: Final = 1000
_EVEN_TENTHS: Final = 60
_ABOVE_NOISE_TENTHS: Final = 60

# Against a side at full voice, speech of the other is lost below this; a leak that is known is passed by so much.
_MASKED_TENTHS: Final = 200
_MASKED_RANGE: Final = (120, 400)
_ABOVE_LEAK_TENTHS: Final = 60
_AROUND_CELLS: Final = 5
_ECHO_CELLS: Final = 20
_ENOUGH_CELLS: Final = 50


def talkspurts(track: Track, heard: NDArray[np.bool_], definitions: Definitions, end_ms: int) -> list[Span]:
    """Return when there is speech, of the cells *heard*, before *end_ms*."""
    noise = float(np.percentile(track.levels, _NOISE_PERCENTILE)) if len(track.levels) else -math.inf
    audible = heard & (track.levels >= max(definitions.quietest_speech_dbfs * TENTHS, noise + _PAST_NOISE_TENTHS))
    spurts = [_trimmed(span, track.levels, noise) for span in spans_of(audible, CELL_MS)]
    shortest = round(definitions.shortest_speech_sec * 1000)
    filled = joined((spurt for spurt in spurts if spurt.length >= _CLICK_MS), round(definitions.pause_sec * 1000))
    voiced = (spurt for spurt in filled if spurt.length >= shortest and not _is_even(spurt, track.levels))
    return [Span(spurt.start, min(spurt.end, end_ms)) for spurt in voiced if spurt.start < end_ms]


def own_speech(tracks: Sequence[Track], found: tuple[Leak | None, Leak | None]) -> list[NDArray[np.bool_]]:
    """Return for each of two channels where its own side talks, rather than the other being heard in it."""
    first, second = tracks
    levels = [_own_level(first, second), _own_level(second, first)]
    # The other's normal voice stands in for that of a side which is hardly heard.
    usual = [own if own is not None else (other or 0) for own, other in zip(levels, reversed(levels), strict=True)]
    return [
        first.speech & ~_masked(first.levels, by=second.levels, louder=usual[1] - usual[0], leak=found[1]),
        second.speech & ~_masked(second.levels, by=first.levels, louder=usual[0] - usual[1], leak=found[0]),
    ]


def mean_dbfs(levels: Levels, spurts: Sequence[Span]) -> float | None:
    """Return the level of the mean power during *spurts*, with the pauses that they bridge."""
    pieces = [levels[span.start // CELL_MS : -(-span.end // CELL_MS)] for span in spurts]
    cells = sum(len(piece) for piece in pieces)
    return 10 * float(np.log10(sum(_power(piece) for piece in pieces) / cells)) if cells else None


def _power(levels: Levels) -> float:
    return float((10 ** (levels.astype(np.float32) / (10 * TENTHS))).sum())


def _mean(levels: Levels) -> float:
    return 10 * TENTHS * math.log10(_power(levels) / len(levels))


def _trimmed(span: Span, levels: Levels, noise: float) -> Span:
    """Move the edges inwards to where the voice is; the end by the detector's hangover at most."""
    first, last = span.start // CELL_MS, span.end // CELL_MS
    piece = levels[first:last]
    mean = _mean(piece)
    loud = np.flatnonzero(piece >= min(mean, max(mean - _EDGE_TENTHS, noise + _ABOVE_NOISE_TENTHS)))
    begin = min(int(loud[0]), _HANGOVER_CELLS // 2) if len(loud) else 0
    end = max(int(loud[-1]) + 1, len(piece) - _HANGOVER_CELLS) if len(loud) else len(piece)
    return Span((first + begin) * CELL_MS, (first + end) * CELL_MS)


def _is_even(span: Span, levels: Levels) -> bool:
    if span.length < _EVEN_MS:
        return False
    low, high = np.percentile(levels[span.start // CELL_MS : span.end // CELL_MS], (10, 90))
    return bool(high - low < _EVEN_TENTHS)


def _own_level(track: Track, other: Track) -> int | None:
    """Return how loud a side usually talks while the other is weaker, in tenths of dBFS."""
    own = track.levels[track.speech & (track.levels > other.levels)]
    return round(_mean(own)) if len(own) >= _ENOUGH_CELLS else None


def _masked(levels: Levels, *, by: Levels, louder: int, leak: Leak | None) -> NDArray[np.bool_]:
    """Tell where a channel is too weak against the other one, which usually is *louder* by so many tenths of dB."""
    below = int(np.clip(_MASKED_TENTHS + louder, *_MASKED_RANGE))
    masked = _highest(levels, 1, 1) < _highest(by, _AROUND_CELLS, _AROUND_CELLS) - below
    if leak is not None:
        lag = round(leak.lag_sec * 1000 / CELL_MS)
        copy = _highest(by, lag + _ECHO_CELLS, _AROUND_CELLS) + round(leak.gain_db * TENTHS)
        masked |= _highest(levels, 1, 1) < copy + _ABOVE_LEAK_TENTHS
    return masked


def _highest(levels: Levels, before: int, after: int) -> Levels:
    """Return the highest level among each cell, the *before* that precede it and the *after* that follow."""
    if not len(levels):
        return levels
    floor = np.iinfo(np.int16).min // 2
    padded = np.pad(levels, (before, after), constant_values=floor)
    found: Levels = np.lib.stride_tricks.sliding_window_view(padded, before + after + 1).max(axis=1)
    return found
