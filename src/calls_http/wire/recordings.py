"""Recordings on the wire."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from calls_core import findings as core
from calls_core import recording as domain
from calls_core.ports import PresignedUrl
from calls_http.wire.calls import Reason


class SilenceMark(msgspec.Struct, kw_only=True):
    """*channel* counts from 0; null means all channels at once. Times are seconds, to the millisecond."""

    start_sec: float
    end_sec: float
    channel: int | None

    @classmethod
    def of(cls, mark: core.SilenceMark) -> "SilenceMark":
        return cls(start_sec=mark.start_sec, end_sec=mark.end_sec, channel=mark.channel)


class Word(msgspec.Struct, kw_only=True):
    """One word as it was said."""

    text: str
    start_sec: float
    end_sec: float


class Segment(msgspec.Struct, kw_only=True):
    """One stretch of speech. *words* is empty where their times are not known."""

    start_sec: float
    end_sec: float
    text: str
    channel: int | None
    words: list[Word]

    @classmethod
    def of(cls, segment: core.Segment) -> "Segment":
        return cls(
            start_sec=segment.start_sec,
            end_sec=segment.end_sec,
            text=segment.text,
            channel=segment.channel,
            words=[Word(text=w.text, start_sec=w.start_sec, end_sec=w.end_sec) for w in segment.words],
        )


class Transcript(msgspec.Struct, kw_only=True):
    """What was said. *language* is a BCP 47 tag where it is known."""

    text: str
    language: str | None
    segments: list[Segment]

    @classmethod
    def of(cls, found: core.Transcript) -> "Transcript":
        return cls(text=found.text, language=found.language, segments=[Segment.of(s) for s in found.segments])


class MutedSpan(msgspec.Struct, kw_only=True):
    """Where something is said that not everybody may hear. *channel* null means that the speakers share one."""

    start_sec: float
    end_sec: float
    kind: str
    channel: int | None

    @classmethod
    def of(cls, span: core.MutedSpan) -> "MutedSpan":
        return cls(start_sec=span.start_sec, end_sec=span.end_sec, kind=span.kind, channel=span.channel)


class Step(msgspec.Struct, kw_only=True):
    """One analyzer's run. *error* of a step that is done tells what limits its finding."""

    analyzer: str
    version: str
    status: domain.StepStatus
    attempts: int
    error: Reason | None
    next_attempt_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None

    @classmethod
    def of(cls, step: domain.Step) -> "Step":
        return cls(
            analyzer=step.analyzer,
            version=step.version,
            status=step.status,
            attempts=step.attempts,
            error=Reason.of(step.error),
            next_attempt_at=step.next_attempt_at,
            started_at=step.started_at,
            finished_at=step.finished_at,
        )


class Recording(msgspec.Struct, kw_only=True):
    """The audio of a call, with what its analyzers found, by their names.

    A finding has a *kind*: ``signal`` (duration, silences, levels in dBFS per second and channel), ``transcript``
    (text, language, segments, and *more* that came with it), ``redaction``
    (the same with what is masked, and the spans that are muted) or ``facts`` (values of the analyzer's own making).
    """

    id: UUID
    call_id: UUID
    filename: str
    duration_sec: float | None
    transcription: str | None
    silence_marks: list[SilenceMark]
    created_at: datetime
    updated_at: datetime
    media_type: str
    size_bytes: int
    sha256: str
    codec: str | None
    channels: int | None
    sample_rate_hz: int | None
    steps: list[Step]
    findings: dict[str, dict[str, Any]]
    audio_expired_at: datetime | None
    transcript_expired_at: datetime | None

    @classmethod
    def of(cls, recording: domain.Recording) -> "Recording":
        signal, transcript = recording.signal, recording.transcript
        return cls(
            id=recording.id,
            call_id=recording.call_id,
            filename=recording.filename,
            duration_sec=recording.duration_sec,
            transcription=transcript.text if transcript else None,
            silence_marks=[SilenceMark.of(mark) for mark in recording.silence_marks],
            created_at=recording.created_at,
            updated_at=recording.updated_at,
            media_type=recording.media_type,
            size_bytes=recording.size_bytes,
            sha256=recording.sha256,
            codec=signal.codec if signal else None,
            channels=signal.channels if signal else None,
            sample_rate_hz=signal.sample_rate_hz if signal else None,
            steps=[Step.of(step) for step in recording.steps],
            findings={name: finding_on_the_wire(found) for name, found in recording.findings.items()},
            audio_expired_at=recording.audio_removed_at,
            transcript_expired_at=recording.transcript_removed_at,
        )


class Waveform(msgspec.Struct, kw_only=True):
    """BBC audiowaveform's JSON, version 2: for every pixel, for every channel, minimum and maximum.

    https://github.com/bbc/audiowaveform/blob/master/doc/DataFormat.md
    """

    version: int
    channels: int
    sample_rate: int
    samples_per_pixel: int
    bits: int
    length: int
    data: list[int]

    @classmethod
    def of(cls, peaks: core.Peaks) -> "Waveform":
        return cls(
            version=2,
            channels=peaks.channels,
            sample_rate=peaks.sample_rate_hz,
            samples_per_pixel=peaks.samples_per_point,
            bits=8,
            length=peaks.points,
            data=memoryview(peaks.data).cast("b").tolist(),
        )


class Download(msgspec.Struct, kw_only=True):
    """An address from which anyone may download the audio until it expires."""

    url: str
    expires_at: datetime

    @classmethod
    def of(cls, presigned: PresignedUrl) -> "Download":
        return cls(url=presigned.url, expires_at=presigned.expires_at)


class Reprocess(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which steps to run again: those named, else those that failed or are new; with *force* also what is done."""

    analyzers: list[str] = []
    force: bool = False


def finding_on_the_wire(found: core.Finding) -> dict[str, Any]:
    caveat = {"code": found.caveat.code, "detail": found.caveat.detail} if found.caveat else None
    match found:
        case core.Signal():
            return {
                "kind": "signal",
                "duration_sec": found.duration_sec,
                "silence_sec": round(found.silence_sec, 3),
                "codec": found.codec,
                "channels": found.channels,
                "sample_rate_hz": found.sample_rate_hz,
                "silence_marks": [SilenceMark.of(mark) for mark in found.silence_marks],
                "levels_dbfs": found.levels_dbfs,
                "caveat": caveat,
            }
        case core.Transcript():
            told = msgspec.structs.asdict(Transcript.of(found))
            return {"kind": "transcript", **told, "more": dict(found.more), "caveat": caveat}
        case core.Redaction():
            return {
                "kind": "redaction",
                **msgspec.structs.asdict(Transcript.of(found.transcript)),
                "spans": [MutedSpan.of(span) for span in found.spans],
                "caveat": caveat,
            }
        case core.Facts():
            return {"kind": "facts", "values": dict(found.values), "caveat": caveat}
