"""What people read about a recording."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from calls_app.cli.picture import clock, drawn
from calls_core.findings import Signal, Transcript
from calls_core.recording import Recording, StepStatus

_COLOURS = {StepStatus.DONE: "green", StepStatus.FAILED: "red", StepStatus.SKIPPED: "yellow"}


def report(recording: Recording) -> RenderableType:
    """Return the facts of *recording*, its silences, its picture, what was said, and how its steps ended."""
    parts: list[RenderableType] = []
    if recording.signal:
        parts.append(_facts(recording, recording.signal))
        parts.append(Text(drawn(recording.signal), no_wrap=True))
    if recording.transcript:
        parts.append(_said(recording.transcript))
    for step in recording.steps:
        colour = _COLOURS.get(step.status, "default")
        error = f": {step.error.code}, {step.error.detail}" if step.error else ""
        parts.append(Text(f"step {step.analyzer} {step.status}{error}", style=colour))
    return Group(*parts)


def _said(transcript: Transcript) -> Text:
    """Return the transcript, each turn of a speaker with its time and channel."""
    lines = [
        f"{clock(s.start_sec):>8}  {'' if s.channel is None else s.channel}  {s.text}" for s in transcript.segments
    ]
    return Text("\n".join(lines) or transcript.text or "nothing was said")


def _facts(recording: Recording, signal: Signal) -> Table:
    table = Table.grid(padding=(0, 2))
    channels = {1: "mono", 2: "stereo"}.get(signal.channels, f"{signal.channels} channels")
    table.add_row("file", recording.filename)
    table.add_row("duration", f"{clock(signal.duration_sec)} ({signal.duration_sec:.3f} s)")
    table.add_row("audio", f"{signal.codec}, {channels}, {signal.sample_rate_hz} Hz")
    everywhere = [mark for mark in signal.silence_marks if mark.channel is None]
    share = signal.silence_sec / signal.duration_sec if signal.duration_sec else 0
    table.add_row("silence", f"{signal.silence_sec:.1f} s in {len(everywhere)} stretches, {share:.0%} of the call")
    shown = ", ".join(f"{clock(mark.start_sec)}-{clock(mark.end_sec)}" for mark in everywhere[:8])
    if shown:
        table.add_row("", shown + (" ..." if len(everywhere) > 8 else ""))  # noqa: PLR2004 (what fits on a screen)
    return table
