"""What was said, as JSON, text or subtitles."""

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Annotated, Any, Final
from uuid import UUID

from dishka.integrations.litestar import DishkaRouter, FromDishka
from litestar import Request, Response, get
from litestar.openapi.spec import Reference, Schema
from litestar.params import FromPath, QueryParameter

from calls_core.findings import Segment, Transcript
from calls_core.hearing import Hearing, Hears
from calls_core.recording import CallId
from calls_core.use_cases.read_calls import GetRecording
from calls_http import wire
from calls_http.documentation import TEXT, operation, problems
from calls_http.queries import refuse_unknown_parameters


class TranscriptFormat(StrEnum):
    JSON = "json"
    TEXT = "text"
    SRT = "srt"
    VTT = "vtt"


SHORTEST_CUE_SEC: Final = 1.0


def srt(cues: tuple[Segment, ...]) -> str:
    """Return SubRip subtitles."""
    return "\n".join(
        f"{number}\n{_clock(cue.start_sec, ',')} --> {_clock(cue.end_sec, ',')}\n{_one_line(cue.text, '->')}\n"
        for number, cue in enumerate(_in_time(cues), 1)
    )


def vtt(cues: tuple[Segment, ...]) -> str:
    """Return WebVTT subtitles (https://www.w3.org/TR/webvtt1/); a channel is shown as the voice that speaks."""
    blocks = ["WEBVTT\n"]
    for cue in _in_time(cues):
        text = _one_line(cue.text, "-->").replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        voice = f"<v channel {cue.channel}>" if cue.channel is not None else ""
        blocks.append(f"{_clock(cue.start_sec, '.')} --> {_clock(cue.end_sec, '.')}\n{voice}{text}\n")
    return "\n".join(blocks)


def _in_time(cues: tuple[Segment, ...]) -> list[Segment]:
    """Return *cues* as WebVTT demands them: in the order of time, each with an end that is after its start."""
    lasting = (c if c.end_sec > c.start_sec else replace(c, end_sec=c.start_sec + SHORTEST_CUE_SEC) for c in cues)
    return sorted(lasting, key=lambda cue: cue.start_sec)


def _one_line(text: str, arrow: str) -> str:
    """An empty line would end the cue, and an arrow would begin another."""
    return " ".join(text.split()).replace("-->", arrow)


def _clock(seconds: float, point: str) -> str:
    milliseconds = max(0, round(seconds * 1000))
    minutes, milliseconds = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{milliseconds // 1000:02}{point}{milliseconds % 1000:03}"


_CONTENTS: Final[Mapping[str, Schema | Reference]] = {
    "application/json": Reference(ref="#/components/schemas/Transcript")
} | dict.fromkeys(["text/plain", "text/vtt", "application/x-subrip"], TEXT)


@get(
    "/calls/{call_id:uuid}/transcript",
    operation_class=operation(contents={200: _CONTENTS}),
    responses=problems(404, 410),
    summary="Get the transcript of a recording",
)
async def get_transcript(
    request: Request[Any, Any, Any],
    call_id: FromPath[UUID],
    find: FromDishka[GetRecording],
    hearing: FromDishka[Hearing],
    wanted: Annotated[TranscriptFormat, QueryParameter(name="format")] = TranscriptFormat.JSON,
) -> Response[wire.Transcript | str]:
    hears = hearing.of(request.user)
    transcript = await find.transcript(CallId(call_id), hears)
    match wanted:
        case TranscriptFormat.JSON:
            return Response(wire.Transcript.of(transcript))
        case TranscriptFormat.TEXT:
            return Response(transcript.text, media_type="text/plain")
        case TranscriptFormat.SRT:
            return Response(
                srt(await _cues(find, call_id, transcript, hears)), media_type="application/x-subrip; charset=utf-8"
            )
        case TranscriptFormat.VTT:
            return Response(vtt(await _cues(find, call_id, transcript, hears)), media_type="text/vtt")


async def _cues(find: GetRecording, call_id: UUID, transcript: Transcript, hears: Hears) -> tuple[Segment, ...]:
    """Return the segments; a transcript without any is one cue over the whole recording."""
    if transcript.segments or not transcript.text.strip():
        return transcript.segments
    recording = await find(CallId(call_id), hears)
    end = max(recording.duration_sec or 0.0, SHORTEST_CUE_SEC)
    return (Segment(start_sec=0.0, end_sec=end, text=transcript.text),)


transcripts_router = DishkaRouter(
    "/", route_handlers=[get_transcript], before_request=refuse_unknown_parameters, tags=["recordings"]
)
