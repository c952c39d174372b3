"""What analyzers report about a recording, as typed values.

Times are seconds from the start of the recording, to the millisecond. Levels are dBFS of a full-scale square
wave; digital silence, minus infinity in truth, is `LEVEL_FLOOR_DBFS`, because JSON has no infinity.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from calls_core.errors import Reason

LEVEL_FLOOR_DBFS: Final = -96.0
JSON_DEPTH: Final = 32
TAGS_LIMIT: Final = 32
TAG_LENGTH_LIMIT: Final = 64

_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")

JsonValue: TypeAlias = Any
"""Whatever JSON can say: objects, lists, strings, numbers, booleans and null."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceMark:
    """A stretch below the silence threshold. *channel* counts from 0; None means all channels at once."""

    start_sec: float
    end_sec: float
    channel: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Peaks:
    """The lowest and highest sample of equal stretches of time, for drawing a waveform.

    *data* holds signed 8-bit numbers: for every point, for every channel, the minimum and then the maximum
    (the order of BBC audiowaveform's JSON, https://github.com/bbc/audiowaveform/blob/master/doc/DataFormat.md).
    A point stands for *samples_per_point* samples; the last one may stand for fewer.
    """

    channels: int
    sample_rate_hz: int
    samples_per_point: int
    data: bytes

    @property
    def points(self) -> int:
        return len(self.data) // (2 * self.channels)

    def merged(self, points: int) -> "Peaks":
        """Return the finest peaks of at most *points* points that whole points of these can be merged into."""
        factor = -(-self.points // points)
        if factor <= 1:
            return self
        lanes = 2 * self.channels
        signed = memoryview(self.data).cast("b")
        picks = [min, max] * self.channels
        columns = [signed[lane::lanes].tolist() for lane in range(lanes)]
        merged = bytearray()
        for start in range(0, self.points, factor):
            for pick, column in zip(picks, columns, strict=True):
                merged.append(pick(column[start : start + factor]) & 0xFF)
        return Peaks(
            channels=self.channels,
            sample_rate_hz=self.sample_rate_hz,
            samples_per_point=self.samples_per_point * factor,
            data=bytes(merged),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """The physical facts of a recording, measured on decoded samples and never read from a header.

    *codec* is FFmpeg's name (``pcm_mulaw``, ``amr_nb``, ``opus``); *sample_rate_hz* and *channels* are those of the
    decoded audio. *levels_dbfs* has one row per channel and in it one RMS level for every second begun.
    """

    duration_sec: float
    codec: str
    channels: int
    sample_rate_hz: int
    silence_marks: tuple[SilenceMark, ...]
    levels_dbfs: tuple[tuple[float, ...], ...]
    peaks: Peaks
    caveat: Reason | None = None

    @property
    def silence_sec(self) -> float:
        """How long all channels were silent at once."""
        return sum(mark.end_sec - mark.start_sec for mark in self.silence_marks if mark.channel is None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One word as it was said, with the punctuation that belongs to it."""

    text: str
    start_sec: float
    end_sec: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One stretch of speech. *channel* counts from 0; None when the speakers share one channel.

    *words* are there where the analyzer knows their times, in their order.
    """

    start_sec: float
    end_sec: float
    text: str
    channel: int | None = None
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """What was said. *language* is a BCP 47 tag where it is known; *more* is an object of what else came with it."""

    text: str
    segments: tuple[Segment, ...] = ()
    language: str | None = None
    more: Mapping[str, JsonValue] = field(default_factory=dict)
    caveat: Reason | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Whatever else an analyzer found, as a JSON object of its own making.

    *tags* are put on the call besides those that it was given, where a search finds them: at most 32, each of 1 to 64
    characters without space around them and without control characters. They go with the finding: when the step runs
    again, those of the new finding take their place.
    """

    values: Mapping[str, JsonValue]
    tags: tuple[str, ...] = ()
    caveat: Reason | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MutedSpan:
    """A stretch in which something is said that not everybody may hear. *kind* is a short name, such as ``card``.

    *channel* is that of the side that says it, counted from 0; None when the speakers share one channel.
    """

    start_sec: float
    end_sec: float
    kind: str
    channel: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Redaction:
    """What those may read and hear who may not hear the original: all transcripts give way to this one.

    In the audio, *spans* are silent on all channels, because each side is heard faintly on the other. Without spans
    the original is fit for everybody.
    """

    transcript: Transcript
    spans: tuple[MutedSpan, ...] = ()
    caveat: Reason | None = None


Finding: TypeAlias = Signal | Transcript | Facts | Redaction
"""*caveat* tells what limits a finding, such as ``truncated`` audio: readers see it as the error of a done step."""


def faults(finding: Finding) -> Iterator[str]:
    """Tell what is wrong with a finding that a plugin made.

    Plugins are not bound by our types, while every reader trusts them and takes numbers for numbers.
    """
    match finding:
        case Facts():
            if not _is_json_object(finding.values):
                yield "values must be a JSON object, of plain dicts, lists, strings and finite numbers"
            yield from _tag_faults(finding.tags)
        case Redaction():
            yield from _redaction_faults(finding.transcript, finding.spans)
        case Transcript():
            yield from _transcript_faults(finding)
        case Signal():
            marks = [time for mark in finding.silence_marks for time in (mark.start_sec, mark.end_sec)]
            if not _are_times([finding.duration_sec, *marks]):
                yield "duration and times must be finite numbers of seconds"
            if not all(_is_finite(level) for row in finding.levels_dbfs for level in row):
                yield "levels must be finite numbers"
            if min(finding.channels, finding.peaks.channels, finding.sample_rate_hz) < 1:
                yield "there must be a channel and a sample rate"


def is_storable_json(value: Any, depth: int) -> bool:  # noqa: ANN401 (JSON)
    """Tell whether *value* is JSON of at most *depth* levels that every database can hold."""
    if depth < 0:
        return False
    match value:
        case None | bool() | int():
            return True
        case str() | float():
            return _is_text(value) or _is_finite(value)
        case Mapping():
            return all(_is_text(key) and is_storable_json(item, depth - 1) for key, item in value.items())
        case list() | tuple():
            return all(is_storable_json(item, depth - 1) for item in value)
    return False


def is_storable_text(text: str) -> bool:
    """NUL ends strings in PostgreSQL, and a lone surrogate is no character."""
    return _UNSTORABLE.search(text) is None


def label_faults(text: str, limit: int) -> Iterator[str]:
    """Tell what is wrong with a name, number or tag that was trimmed, of at most *limit* characters."""
    if not 1 <= len(text) <= limit:
        yield f"must have 1 to {limit} characters after trimming"
    if not is_storable_text(text) or _CONTROL.search(text):
        yield "must not contain control characters"


def _tag_faults(tags: Any) -> Iterator[str]:  # noqa: ANN401 (a plugin's)
    if not isinstance(tags, tuple) or not all(isinstance(tag, str) for tag in tags):
        yield "tags must be a tuple of strings"
    elif len(tags) > TAGS_LIMIT:
        yield f"there must be at most {TAGS_LIMIT} tags"
    elif any(tag != tag.strip() for tag in tags):
        yield "tags must have no space around them"
    else:
        yield from (f"each tag {why}" for tag in tags for why in label_faults(tag, TAG_LENGTH_LIMIT))


def _transcript_faults(finding: Transcript) -> Iterator[str]:
    words = [word for segment in finding.segments for word in segment.words]
    spoken: list[Segment | Word] = [*finding.segments, *words]
    if not all(_is_text(text) for text in (finding.text, *(piece.text for piece in spoken))):
        yield "text must be a string without NUL and half characters"
    if not _are_times(time for piece in spoken for time in (piece.start_sec, piece.end_sec)):
        yield "times of segments and words must be finite numbers of seconds"
    if not _is_json_object(finding.more):
        yield "more must be a JSON object, of plain dicts, lists, strings and finite numbers"


def _redaction_faults(transcript: object, spans: Any) -> Iterator[str]:  # noqa: ANN401 (a plugin's)
    if isinstance(transcript, Transcript):
        yield from _transcript_faults(transcript)
    else:
        yield "transcript must be a Transcript"
    if not isinstance(spans, tuple) or not all(isinstance(span, MutedSpan) for span in spans):
        yield "spans must be a tuple of MutedSpan"
        return
    if not _are_times(time for span in spans for time in (span.start_sec, span.end_sec)):
        yield "times of spans must be finite numbers of seconds"
    elif any(span.start_sec >= span.end_sec for span in spans):
        yield "a span must end after it begins"
    for span in spans:
        yield from (f"the kind of a span {why}" for why in label_faults(span.kind, TAG_LENGTH_LIMIT))


def _is_json_object(value: Any) -> bool:  # noqa: ANN401 (a plugin's)
    return isinstance(value, Mapping) and is_storable_json(value, JSON_DEPTH)


def _is_text(value: Any) -> bool:  # noqa: ANN401 (a plugin's)
    return isinstance(value, str) and is_storable_text(value)


def _is_finite(value: Any) -> bool:  # noqa: ANN401 (a plugin's)
    return isinstance(value, int | float) and math.isfinite(value)


def _are_times(values: Iterable[Any]) -> bool:
    return all(_is_finite(value) and value >= 0 for value in values)
