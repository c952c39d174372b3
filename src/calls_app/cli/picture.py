"""A recording drawn with characters."""

from collections.abc import Sequence
from typing import Final

from calls_core.findings import Peaks, Signal, SilenceMark

BARS: Final = " ▁▂▃▄▅▆▇█"
FULL_SCALE: Final = 128


def waveform(peaks: Peaks, columns: int) -> list[str]:
    """Return one line per channel, at most *columns* wide; the loudest point of the recording fills the height."""
    merged = peaks.merged(columns)
    lanes = 2 * merged.channels
    signed = memoryview(merged.data).cast("b")
    heights = [
        [max(abs(low), abs(high)) for low, high in zip(signed[lane::lanes], signed[lane + 1 :: lanes], strict=True)]
        for lane in range(0, lanes, 2)
    ]
    loudest = max((height for line in heights for height in line), default=0) or FULL_SCALE
    return ["".join(BARS[round(height / loudest * (len(BARS) - 1))] for height in line) for line in heights]


def silence_line(marks: Sequence[SilenceMark], duration_sec: float, columns: int) -> str:
    """Return a line of *columns* characters, with a dash wherever all channels are silent."""
    line = [" "] * columns
    for mark in marks:
        if mark.channel is None:
            start = int(mark.start_sec / duration_sec * columns)
            end = max(start + 1, round(mark.end_sec / duration_sec * columns))
            line[start:end] = "─" * (min(end, columns) - start)
    return "".join(line)


def clock(seconds: float) -> str:
    """Return *seconds* as people read times: ``1:02:03.4`` or ``2:03.4``."""
    whole, tenths = divmod(round(seconds * 10), 10)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}.{tenths}" if hours else f"{minutes}:{rest:02}.{tenths}"


def drawn(signal: Signal, columns: int = 64) -> str:
    """Return the waveform of every channel, the silences below, and the time below that."""
    lines = waveform(signal.peaks, columns)
    width = max((len(line) for line in lines), default=0)
    if not width:
        return ""
    end = clock(signal.duration_sec)
    labelled = [f"{number}  {line}" for number, line in enumerate(lines)]
    silent = f"   {silence_line(signal.silence_marks, signal.duration_sec, width)}"
    return "\n".join([*labelled, f"{silent}  silence", f"   0:00.0{end:>{max(1, width - 6)}}"])
