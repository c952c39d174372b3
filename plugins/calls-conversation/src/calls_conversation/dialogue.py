"""Turns, answers and interruptions of two sides, from when each of them talks.

The words are those of M. Heldner and J. Edlund, "Pauses, gaps and overlaps in conversations" (Journal of Phonetics
38, 2010): a pause is silence within a side's speech, a gap is silence between the sides.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from calls_conversation.definitions import Definitions
from calls_conversation.spans import Span, Spans, joined, longest

_P90: Final = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """What one side did, in milliseconds.

    *turns* run from the side's first word until its last before the other takes a turn. *interruptions* are the moments
    at which it broke in. *latencies* are the gaps before its turns: 0 where it began as the other was about to end.
    A monologue goes on over short utterances of the other, and over own pauses that are shorter than dead air.
    """

    turns: Spans
    interruptions: Sequence[int]
    backchannels: int
    latencies: Sequence[int]
    longest_monologue: int

    @property
    def median_latency(self) -> float | None:
        return median(self.latencies) if self.latencies else None

    @property
    def p90_latency(self) -> float | None:
        """The latency that nine of ten do not exceed (nearest rank)."""
        if not self.latencies:
            return None
        return sorted(self.latencies)[math.ceil(_P90 * len(self.latencies)) - 1]


def dialogue(spurts: tuple[Spans, Spans], definitions: Definitions) -> tuple[Side, Side]:
    """Return what each side did. Swapping the sides swaps the results."""
    first, second = (_Talk(own, definitions) for own in spurts)
    first.hear(second)
    second.hear(first)
    return first.side(second), second.side(first)


class _Talk:
    """One side's talkspurts, utterances, and which of these are backchannels."""

    def __init__(self, spurts: Spans, definitions: Definitions) -> None:
        self._pause = round(definitions.utterance_pause_sec * 1000)
        self._short = round(definitions.short_utterance_sec * 1000)
        self._margin = round(definitions.interruption_margin_sec * 1000)
        self._dead_air = round(definitions.dead_air_sec * 1000)
        self.spurts = spurts
        self.utterances = joined(spurts, self._pause)
        self.contributions: list[Span] = []

    def hear(self, other: "_Talk") -> None:
        """Leave out backchannels: short utterances that begin after one of the other's and end before it does."""
        self.contributions = [said for said in self.utterances if not self._is_backchannel(said, other)]

    def side(self, other: "_Talk") -> Side:
        turns = _grouped(self.contributions, other.contributions)
        interruptions = [said.start for said in self.contributions if self._is_interruption(said, other)]
        long = [said for said in other.utterances if said.length > self._short]
        return Side(
            turns=turns,
            interruptions=interruptions,
            backchannels=len(self.utterances) - len(self.contributions),
            latencies=self._latencies(turns, interruptions, other),
            longest_monologue=longest(_grouped(self.utterances, long, self._dead_air)),
        )

    def _is_backchannel(self, said: Span, other: "_Talk") -> bool:
        around = _last_before(other.utterances, said.start)
        return said.length <= self._short and around is not None and said.end < around.end

    def _is_interruption(self, said: Span, other: "_Talk") -> bool:
        around = _last_before(other.utterances, said.start)
        spurt = _last_before(other.spurts, said.start)
        return (
            said.length > self._short
            and around is not None
            and spurt is not None
            and spurt.end > said.start
            and said.start - around.start >= self._margin
            and around.end - said.start >= self._margin
        )

    def _latencies(self, turns: Spans, interruptions: Sequence[int], other: "_Talk") -> list[int]:
        broke_in = set(interruptions)
        found = []
        ended = 0
        for turn in turns:
            said = _last_before(other.contributions, turn.start)
            # Whoever was the last to talk goes on, rather than answers.
            if said is not None and said.end > ended and turn.start not in broke_in:
                found.append(max(0, turn.start - said.end))
            ended = turn.end
        return found


def _last_before(spans: Spans, moment: int) -> Span | None:
    """Return the last span that begins before *moment*."""
    index = bisect_left(spans, moment, key=lambda span: span.start)
    return spans[index - 1] if index else None


def _grouped(own: Spans, others: Spans, longest_pause: float = math.inf) -> list[Span]:
    """Join own spans unless one of the other's begins in between, or they are *longest_pause* apart."""
    starts = [span.start for span in others]
    found: list[Span] = []
    previous: Span | None = None
    for span in own:
        if (
            previous is not None
            and span.start - previous.end < longest_pause
            and bisect_left(starts, previous.start) == bisect_right(starts, span.start - 1)
        ):
            found[-1] = Span(found[-1].start, span.end)
        else:
            found.append(span)
        previous = span
    return found
