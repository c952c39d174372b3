"""Who hears the original, and what there is of a call for all others.

Nothing is let through because it is not known to be dangerous: without a finished redaction there is neither text nor
audio, and of what analyzers found, only what has a redacted form or holds no words is shown.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from calls_core.accounts import Principal, Role, Scope
from calls_core.call import Call
from calls_core.errors import NotRedacted, Reason
from calls_core.findings import Finding, MutedSpan, Peaks, Redaction, Signal, Transcript
from calls_core.recording import Recording, Step, StepStatus

ORIGINAL_BY: Final = frozenset({Role.OPERATOR.value, Scope.ORIGINALS_READ.value})
COPY_NAME: Final = "redacted.wav"


class Hears(StrEnum):
    ORIGINAL = "original"
    REDACTED = "redacted"


@dataclass(frozen=True, slots=True)
class Hearing:
    """What those hear who have no right to the original: viewers, API keys, and whoever is told of events."""

    others: Hears

    def of(self, principal: Principal) -> Hears:
        return Hears.ORIGINAL if principal.may(ORIGINAL_BY) else self.others


def call_for(call: Call, hears: Hears) -> Call:
    """Return *call* without the words in which an analyzer failed: they may quote what was said."""
    if hears is Hears.ORIGINAL or call.failure is None:
        return call
    return replace(call, failure=_withheld(call.failure))


def recording_for(recording: Recording, hears: Hears) -> Recording:
    """Return what may be known of *recording*; size and digest are those of the audio that may be heard.

    Where nothing may be heard, its storage key is empty, so that nobody can read it by mistake.
    """
    if hears is Hears.ORIGINAL:
        return recording
    found = _redaction(recording)
    silent: Iterable[MutedSpan] = found[1].spans if found else ()
    findings: dict[str, Finding] = {
        name: replace(finding, peaks=_muted(finding.peaks, silent))
        for name, finding in recording.findings.items()
        if isinstance(finding, Signal)
    }
    if found:
        findings[found[0]] = found[1].transcript
    steps = tuple(_without_words(step) for step in recording.steps)
    shown = replace(recording, findings=findings, steps=steps, redacted_copy=None, storage_key="")
    if found is None or (found[1].spans and recording.redacted_copy is None):
        return shown
    if not found[1].spans or recording.redacted_copy is None:
        return replace(shown, storage_key=recording.storage_key)
    copy = recording.redacted_copy
    return replace(
        shown,
        filename=f"{recording.filename.rpartition('.')[0]}.{COPY_NAME}",
        media_type="audio/wav",
        storage_key=copy.storage_key,
        size_bytes=copy.size_bytes,
        sha256=copy.sha256,
    )


def require_redacted(recording: Recording, hears: Hears, *, audio: bool = False) -> None:
    """Return if *recording*, as stored, has its redacted form, with *audio* that of its sound too; or needs none.

    Raises:
        NotRedacted: it has not, or not yet.
    """
    if hears is Hears.ORIGINAL:
        return
    found = _redaction(recording)
    if found is None:
        raise NotRedacted(
            f"call {recording.call_id} is not redacted, or not yet: until the step redact is done, what is said in it"
            " is for those who may hear the original"
        )
    if audio and found[1].spans and recording.redacted_copy is None:
        raise NotRedacted(f"there is no redacted copy of the audio of call {recording.call_id}; reprocess {found[0]}")


def _redaction(recording: Recording) -> tuple[str, Redaction] | None:
    """Return the redaction of the last step that made one, if it is done and has seen all transcripts there are."""
    found = [(step, recording.findings.get(step.analyzer)) for step in recording.steps]
    redactions = [(step, finding) for step, finding in found if isinstance(finding, Redaction)]
    if not redactions or any(step.status is not StepStatus.DONE for step, _ in redactions):
        return None
    step, redaction = redactions[-1]
    heard = [other.finished_at for other, finding in found if isinstance(finding, Transcript)]
    if step.finished_at is None or any(moment is not None and moment > step.finished_at for moment in heard):
        return None
    return step.analyzer, redaction


def _muted(peaks: Peaks, spans: Iterable[MutedSpan]) -> Peaks:
    data, width = bytearray(peaks.data), 2 * peaks.channels
    per_sec = peaks.sample_rate_hz / peaks.samples_per_point
    for span in spans:
        first, last = int(span.start_sec * per_sec), min(int(span.end_sec * per_sec) + 1, peaks.points)
        if first < last:
            data[first * width : last * width] = bytes((last - first) * width)
    return replace(peaks, data=bytes(data))


def _without_words(step: Step) -> Step:
    return replace(step, error=_withheld(step.error)) if step.error else step


def _withheld(reason: Reason) -> Reason:
    return Reason(reason.code, "the detail is for those who may hear the original")
