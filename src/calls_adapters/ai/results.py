"""What a job resulted in, as a finding: a transcript where it has that shape, else the JSON as it is."""

import math
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from calls_adapters.ai.languages import tag_of
from calls_core.errors import AiFailed, Reason
from calls_core.findings import JSON_DEPTH, Facts, Segment, Transcript, Word, is_storable_json

CHANNELS: Final = 64
_LATE_SEC: Final = 60.0
_CONTROLS: Final = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)], " ")
_OURS: Final = frozenset({"text", "language", "segments"})


class SaidWord(msgspec.Struct):
    word: str
    start: float
    end: float


class SaidSegment(msgspec.Struct):
    text: str
    start: float
    end: float
    channel: int | None = None
    words: list[SaidWord] | None = None


class Said(msgspec.Struct):
    """The transcript's shape: that of OpenAI's ``verbose_json``, whose segments may have a ``channel``."""

    text: str
    language: str | None = None
    segments: list[SaidSegment] | None = None


def finding(result: Any, duration_sec: float | None) -> Transcript | Facts:  # noqa: ANN401 (JSON)
    """Return *result* as a finding. What has been paid for is never thrown away because of its shape.

    Raises:
        AiFailed: no database could hold it.
    """
    result = _storable(result)
    if not is_storable_json(result, JSON_DEPTH - 1):
        msg = f"the AI service's result cannot be kept: it is nested more than {JSON_DEPTH} levels, or has no numbers"
        raise AiFailed(msg)
    values = result if isinstance(result, dict) else {"result": result}
    inner = values.get("transcript")
    if isinstance(inner, dict):
        shaped, more = inner, {name: value for name, value in values.items() if name != "transcript"}
        more |= {name: value for name, value in inner.items() if name not in _OURS and name not in more}
    elif isinstance(inner, str) and "text" not in values:
        shaped, more = {**values, "text": inner}, {k: v for k, v in values.items() if k not in _OURS | {"transcript"}}
    else:
        shaped, more = values, {name: value for name, value in values.items() if name not in _OURS}
    if "text" not in shaped:
        return Facts(values=values)
    try:
        said = msgspec.convert(shaped, Said)
        segments = tuple(_segments(said, duration_sec))
    except ValueError as error:
        return Facts(
            values=values, caveat=Reason("no-transcript-shape", f"it has a text, but is no transcript: {error}")
        )
    text = "\n".join(" ".join(line.translate(_CONTROLS).split()) for line in said.text.splitlines())
    return Transcript(text=text, segments=segments, language=tag_of(said.language), more=more)


def _segments(said: Said, duration_sec: float | None) -> Iterator[Segment]:
    limit = (duration_sec + _LATE_SEC) if duration_sec else math.inf
    for segment in sorted(said.segments or (), key=lambda segment: (segment.start, segment.channel or 0)):
        if segment.channel is not None and not 0 <= segment.channel < CHANNELS:
            msg = f"channel {segment.channel}"
            raise ValueError(msg)
        words = tuple(
            Word(text=_clean(word.word), start_sec=start, end_sec=end)
            for word in segment.words or ()
            for start, end in [_times(word, limit)]
        )
        start, end = _times(segment, limit)
        if text := _clean(segment.text):
            yield Segment(start_sec=start, end_sec=end, text=text, channel=segment.channel, words=words)


def _times(mark: SaidSegment | SaidWord, limit: float) -> tuple[float, float]:
    if not (math.isfinite(mark.start) and math.isfinite(mark.end) and -_LATE_SEC < mark.start <= limit):
        msg = f"the time {mark.start:g} is outside of the recording"
        raise ValueError(msg)
    start = max(0.0, mark.start)
    return round(start, 3), round(min(max(start, mark.end), limit), 3)


def _clean(text: str) -> str:
    return " ".join(text.translate(_CONTROLS).split())


def _storable(value: Any) -> Any:  # noqa: ANN401 (JSON)
    """Replace NUL, which no database can hold."""
    match value:
        case str():
            return value.replace("\0", "\ufffd")
        case list():
            return [_storable(item) for item in value]
        case dict():
            return {name.replace("\0", "\ufffd"): _storable(item) for name, item in value.items()}
    return value
