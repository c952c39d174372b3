"""Stretches of time, in milliseconds: lists in order, whose members neither overlap nor touch."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray


class Span(NamedTuple):
    """From *start* up to and not including *end*, in milliseconds."""

    start: int
    end: int

    @property
    def length(self) -> int:
        return self.end - self.start


Spans: TypeAlias = Sequence[Span]


def spans_of(mask: NDArray[np.bool_], cell_ms: int) -> list[Span]:
    """Return where *mask* is true, a cell being *cell_ms* long."""
    edges = np.flatnonzero(np.diff(mask, prepend=False, append=False)) * cell_ms
    return [Span(start, end) for start, end in edges.reshape(-1, 2).tolist()]


def total(spans: Iterable[Span]) -> int:
    return sum(span.length for span in spans)


def longest(spans: Iterable[Span]) -> int:
    return max((span.length for span in spans), default=0)


def joined(spans: Iterable[Span], pause: int = 0) -> list[Span]:
    """Return *spans*, which come in order of their starts, with pauses shorter than *pause* filled in."""
    found: list[Span] = []
    for span in spans:
        if found and (span.start < found[-1].end + pause or span.start <= found[-1].end):
            found[-1] = Span(found[-1].start, max(found[-1].end, span.end))
        else:
            found.append(span)
    return found


def union(many: Iterable[Spans]) -> list[Span]:
    """Return when at least one of *many* is."""
    return joined(sorted(span for spans in many for span in spans))


def intersection(these: Spans, those: Spans) -> list[Span]:
    """Return when both are."""
    found = []
    left = right = 0
    while left < len(these) and right < len(those):
        this, that = these[left], those[right]
        start, end = max(this.start, that.start), min(this.end, that.end)
        if start < end:
            found.append(Span(start, end))
        if this.end <= that.end:
            left += 1
        else:
            right += 1
    return found


def gaps(spans: Spans, end: int) -> list[Span]:
    """Return when there is none, from 0 to *end*."""
    starts = [0, *(span.end for span in spans)]
    ends = [*(span.start for span in spans), end]
    return [Span(start, stop) for start, stop in zip(starts, ends, strict=True) if start < stop]
