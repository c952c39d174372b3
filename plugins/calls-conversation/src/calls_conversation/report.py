"""The finding: every number with its unit in its name, and one number per channel where there are several."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from calls_core.findings import LEVEL_FLOOR_DBFS

from calls_conversation.definitions import Definitions
from calls_conversation.dialogue import dialogue
from calls_conversation.likeness import Leak, is_dual_mono, leaks
from calls_conversation.listening import Heard
from calls_conversation.spans import Span, Spans, gaps, intersection, longest, total, union
from calls_conversation.speech import mean_dbfs, own_speech, talkspurts

_TWO: Final = 2


def report(heard: Heard, definitions: Definitions) -> dict[str, object]:
    """Return the values of the finding. Those of the sides are there in the layout ``two_sided`` only.

    Shares are of 1, times are in seconds to the millisecond, levels in dBFS of a full-scale square wave.
    """
    if len(heard.tracks) == _TWO and not is_dual_mono(heard.matches):
        found = leaks(heard.matches)
        masks = own_speech(heard.tracks, found)
        first, second = (
            talkspurts(track, mask, definitions, heard.duration_ms)
            for track, mask in zip(heard.tracks, masks, strict=True)
        )
        return {
            **_overall("two_sided", heard, [first, second], definitions),
            **_sides((first, second), found, definitions),
        }
    if len(heard.tracks) == _TWO:
        # Both hold the same: the louder one is further above the noise of the recorder.
        louder = max(heard.tracks, key=lambda track: int(track.levels.astype(np.int64).sum()))
        spurts = talkspurts(louder, louder.speech, definitions, heard.duration_ms)
        return _overall("dual_mono", heard, [spurts, spurts], definitions)
    many = [talkspurts(track, track.speech, definitions, heard.duration_ms) for track in heard.tracks]
    return _overall("mono" if len(many) == 1 else "multichannel", heard, many, definitions)


def _overall(layout: str, heard: Heard, spurts: Sequence[Spans], definitions: Definitions) -> dict[str, object]:
    speech = union(spurts)
    shortest = round(definitions.dead_air_sec * 1000)
    dead = [gap for gap in gaps(speech, heard.duration_ms) if gap.length >= shortest]
    return {
        "layout": layout,
        "duration_sec": _sec(heard.duration_ms),
        "speech_sec": _sec(total(speech)),
        "speech_share": _share(total(speech), heard.duration_ms),
        "dead_air_min_sec": definitions.dead_air_sec,
        "dead_air_count": len(dead),
        "dead_air_sec": _sec(total(dead)),
        "dead_air_longest_sec": _sec(longest(dead)),
        "dead_air_spans_sec": _listed(dead),
        "speech_level_dbfs": [
            _level(mean_dbfs(track.levels, own)) for track, own in zip(heard.tracks, spurts, strict=True)
        ],
        "clipped_share": [_share(track.clipped, heard.frames, digits=6) for track in heard.tracks],
    }


def _sides(
    spurts: tuple[Spans, Spans], found: tuple[Leak | None, Leak | None], definitions: Definitions
) -> dict[str, object]:
    sides = dialogue(spurts, definitions)
    talk = [total(own) for own in spurts]
    overlap = intersection(*spurts)
    return {
        "talk_sec": [_sec(length) for length in talk],
        "talk_share": [_share(length, sum(talk)) for length in talk],
        "talk_spans_sec": [_listed(own) for own in spurts],
        "turns": [len(side.turns) for side in sides],
        "longest_monologue_sec": [_sec(side.longest_monologue) for side in sides],
        "overlap_count": len(overlap),
        "overlap_sec": _sec(total(overlap)),
        "overlap_longest_sec": _sec(longest(overlap)),
        "overlap_spans_sec": _listed(overlap),
        "interruptions": [len(side.interruptions) for side in sides],
        "interruptions_at_sec": [[_sec(moment) for moment in side.interruptions] for side in sides],
        "backchannels": [side.backchannels for side in sides],
        "responses": [len(side.latencies) for side in sides],
        "response_median_sec": [_optional_sec(side.median_latency) for side in sides],
        "response_p90_sec": [_optional_sec(side.p90_latency) for side in sides],
        "leakage_db": [leak and round(leak.gain_db, 1) for leak in found],
    }


def _sec(milliseconds: float) -> float:
    return round(milliseconds / 1000, 3)


def _optional_sec(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else _sec(milliseconds)


def _share(part: int, whole: int, digits: int = 4) -> float:
    return round(part / whole, digits) if whole else 0.0


def _level(dbfs: float | None) -> float | None:
    return None if dbfs is None else max(round(dbfs, 1), LEVEL_FLOOR_DBFS)


def _listed(spans: Sequence[Span]) -> list[list[float]]:
    return [[_sec(span.start), _sec(span.end)] for span in spans]
