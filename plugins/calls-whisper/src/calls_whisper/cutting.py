"""Cuts a channel, as it streams past, into spans of sound: at silences, and where there is none for long, where it is
quietest."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

import numpy as np

from calls_whisper.speech import RATE_HZ, Samples

LONGEST_SEC: Final = 28.0
"""Whisper hears 30 s at a time; a little is left for what it adds."""

SILENCE_SEC: Final = 0.7
"""Shorter silences are pauses within a sentence, and stay."""

_MARGIN: Final = RATE_HZ // 4
"""Kept of the silence around a sound, for soft beginnings and ends of words."""

_LONGEST: Final = int(LONGEST_SEC * RATE_HZ)
_EARLIEST_CUT: Final = 20 * RATE_HZ
_QUIET: Final = RATE_HZ // 10


@dataclass(frozen=True, slots=True)
class Span:
    """Samples from *start* on; *sound* is the first sample of sound and the one after its last, without margins.

    All three count samples of the recording.
    """

    start: int
    samples: Samples
    sound: tuple[int, int]

    def part(self, first: int, last: int) -> "Span":
        """Return what lies from *first* up to *last*, which count from the start of this one."""
        return Span(self.start + first, self.samples[first:last], self.sound)


class Cutter:
    """Holds no more samples than one span. *silences* are pairs of seconds, in order."""

    def __init__(self, silences: Sequence[tuple[float, float]]) -> None:
        self._sounds = _between(silences)
        self._sound = next(self._sounds, None)
        self._start = 0
        self._samples: Samples = np.empty(0, np.float32)

    def cut(self, samples: Samples) -> Iterator[Span]:
        """Take more samples, and return the spans that are complete by now."""
        self._samples = np.concatenate((self._samples, samples))
        while self._sound is not None:
            first, last = self._sound[0] - _MARGIN, self._sound[1] + _MARGIN
            self._drop(first - self._start)
            length = min(last - self._start, len(self._samples))
            if self._start < first or length == 0:
                return
            if length > _LONGEST:
                yield self._take(_quietest(self._samples[:_LONGEST]))
            elif last <= self._start + len(self._samples):
                yield self._take(length)
                self._sound = next(self._sounds, None)
            else:
                return
        self._drop(len(self._samples))

    def finish(self) -> Iterator[Span]:
        """Return what is left when there are no more samples."""
        if self._sound is not None and self._start + len(self._samples) > self._sound[0]:
            self._drop(self._sound[0] - _MARGIN - self._start)
            yield self._take(len(self._samples))

    def _take(self, length: int) -> Span:
        assert self._sound is not None  # noqa: S101 (callers have looked)
        span = Span(self._start, self._samples[:length].copy(), self._sound)
        self._drop(length)
        return span

    def _drop(self, length: int) -> None:
        length = min(max(length, 0), len(self._samples))
        self._samples = self._samples[length:]
        self._start += length


def _between(silences: Sequence[tuple[float, float]]) -> Iterator[tuple[int, int]]:
    """Return what lies between the silences; after the last one, without an end."""
    long = [(round(start * RATE_HZ), round(end * RATE_HZ)) for start, end in silences if end - start >= SILENCE_SEC]
    starts = chain((0,), (end for _start, end in long))
    ends = chain((start for start, _end in long), (1 << 62,))
    return ((start, end) for start, end in zip(starts, ends, strict=True) if start < end)


def _quietest(samples: Samples) -> int:
    """Return the middle of the quietest tenth of a second that is not too early."""
    energy = np.cumsum(np.square(samples[_EARLIEST_CUT:], dtype=np.float64))
    return _EARLIEST_CUT + _QUIET // 2 + int(np.argmin(energy[_QUIET:] - energy[:-_QUIET]))
