"""Measures the analyzer ``signal`` beside what else finds silences: ``python -m benchmarks.audio``.

That is pydub, auditok and ffmpeg's silencedetect; and the decoder alone, which finds none.

Every method is a process of its own, taken in turns with the others; its processor time (user and system, children
included) is reported without that of the same method on one second of the same audio, which is its start-up.
"""
# ruff: noqa: PLC0415 (a method imports what it measures, and nothing else)

import argparse
import asyncio
import json
import math
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import wave
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.processes import conditions

SILENCES: Final = [
    [(3.0, 5.5), (11.0, 11.4), (20.0, 21.2), (33.0, 40.0), (52.0, 52.9)],
    [(2.0, 4.5), (19.5, 20.9), (35.0, 52.5)],
]
"""Seconds in every minute, by channel."""

SILENCES_OF_ALL: Final = {1: 4, 2: 3}
"""How many of 0.7 s or more there are in a minute, by number of channels."""


@dataclass(frozen=True)
class Case:
    name: str
    channels: int
    rate: int
    codec: str
    bit_rate: int | None = None
    container: str | None = None
    target: float = 1.2


CASES: Final = (
    Case("wav8k.wav", 1, 8000, "pcm_s16le", target=1.5),
    Case("ulaw8k.wav", 1, 8000, "pcm_mulaw", target=1.5),
    Case("wav16k_stereo.wav", 2, 16000, "pcm_s16le", target=2.0),
    Case("mp3_32k.mp3", 1, 16000, "libmp3lame", 32_000, target=1.2),
    Case("opus_24k.ogg", 1, 48000, "libopus", 24_000, target=1.1),
    Case("aac_stereo.m4a", 2, 16000, "aac", 48_000, "ipod", target=1.3),
    Case("amr.amr", 1, 8000, "amr", target=1.2),
    Case("amr_pauses.amr", 1, 8000, "amr", target=1.2),
    Case("gsm.gsm", 1, 8000, "gsm", target=1.2),
)


def make(case: Case, folder: Path, seconds: int) -> Path:
    """Write the same minute over and over, or a part of it."""
    path = folder / f"{seconds}s_{case.name}"
    if not path.exists():
        # In a process of its own: the peak memory of a process counts that of the one that started it.
        command = [sys.executable, "-m", "benchmarks.audio", "--make", case.name, str(seconds), "--folder", str(folder)]
        subprocess.run(command, check=True)
    return path


def write(case: Case, folder: Path, seconds: int) -> None:
    import numpy as np

    from tests import audio_files

    path = folder / f"{seconds}s_{case.name}"
    minutes = -(-seconds // 60)
    if case.codec in {"amr", "gsm"}:  # FFmpeg has no encoder for these
        spoken = [(0.0, 3.0), (5.5, 11.0), (11.4, 20.0), (21.2, 33.0), (40.0, 52.0), (52.9, 60.0)]
        if case.codec == "gsm":
            path.write_bytes((audio_files.gsm(spoken, 60.0) * minutes)[: seconds * 50 * 33])
            return
        frames = audio_files.amr(spoken, min(seconds, 60.0), pauses="pauses" in case.name)
        path.write_bytes(frames[:6] + frames[6:] * minutes)
        return
    minute = audio_files.speech(60, SILENCES[: case.channels], rate=case.rate)
    samples = np.tile(minute, (1, minutes))[:, : seconds * case.rate]
    more = {"codec": case.codec, "rate": case.rate, "bit_rate": case.bit_rate, "container": case.container}
    audio_files.encode(path, samples, **more)


# --- Methods: each runs in a process of its own and prints how many silences it found, or -1 ----------------------


def ours(path: Path) -> int:
    from calls_adapters.audio.decoder import ChildDecoder
    from calls_adapters.audio.signal import SignalAnalyzer
    from calls_core.hookspecs import AnalysisOptions
    from calls_core.ports import Audio

    audio = Audio(path=path, filename=path.name, decoder=ChildDecoder())
    signal = asyncio.run(SignalAnalyzer(AnalysisOptions()).analyze(audio))
    return sum(mark.channel is None for mark in signal.silence_marks)


def decoder(path: Path) -> int:
    """The least that must be done: PyAV's loop over all frames, on one thread."""
    import av

    with av.open(str(path)) as file:
        stream = file.streams.audio[0]
        stream.thread_count = 1
        samples = 0
        for packet in file.demux(stream):
            try:
                samples += sum(frame.samples for frame in packet.decode())
            except av.error.FFmpegError:  # a pause
                continue
    return -1 if samples else 0


def pydub(path: Path, step: int) -> int:
    from pydub import AudioSegment
    from pydub.silence import detect_silence

    with wave.open(str(path)) as file:
        segment = AudioSegment(
            data=file.readframes(file.getnframes()),
            sample_width=file.getsampwidth(),
            frame_rate=file.getframerate(),
            channels=file.getnchannels(),
        )
    return len(detect_silence(segment, min_silence_len=700, silence_thresh=-40, seek_step=step))


def silencedetect(path: Path) -> int:
    command = [ffmpeg(), "-nostdin", "-hide_banner", "-threads", "1", "-i", str(path)]
    command += ["-af", "silencedetect=n=-40dB:d=0.7", "-f", "null", "-"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return len(re.findall("silence_start", done.stderr))


def auditok(path: Path) -> int:
    """Return how many gaps there are between the events that it finds."""
    from auditok import split

    events = split(
        path,
        large_file=True,  # else it loads the whole
        analysis_window=0.01,
        energy_threshold=20 * math.log10(32768) - 40,
        min_dur=0.01,
        max_dur=None,
        max_silence=0.69,
        max_trailing_silence=0,
    )
    return sum(1 for _ in events) - 1


METHODS: Final[Mapping[str, Callable[[Path], int]]] = {
    "ours": ours,
    "decoder": decoder,
    "pydub-10": lambda path: pydub(path, 10),
    "pydub-1": lambda path: pydub(path, 1),
    "auditok": auditok,
    "silencedetect": silencedetect,
}
REPEATED: Final = ("ours", "decoder")
"""What lies close together, and takes turns; all others take several times as long, and are run once."""

WAV_ALONE: Final = ("auditok", "pydub-10", "pydub-1")
"""What reads the rest by ffmpeg, whole."""


def ffmpeg() -> str:
    """Return that of the machine, which decodes faster than the static one of the package."""
    from imageio_ffmpeg import get_ffmpeg_exe

    return shutil.which("ffmpeg") or str(get_ffmpeg_exe())


# --- Measuring ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    cpu_sec: float
    peak_mb: float
    found: int


def run(method: str, path: Path) -> Run:
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "benchmarks.audio", "--method", method, str(path)],
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    found = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    if process.returncode:
        raise SystemExit(f"{method} failed on {path}")
    return Run(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, int(found))


def compare(case: Case, folder: Path, minutes: int, rounds: int, methods: Sequence[str]) -> dict[str, Any]:
    long, short = make(case, folder, minutes * 60), make(case, folder, 1)
    runs: dict[str, list[tuple[Run, Run]]] = {method: [] for method in methods}
    for number in range(rounds):
        for method in methods:
            if method in REPEATED or number == 0:
                runs[method].append((run(method, short), run(method, long)))
    hours = minutes / 60
    rows = {
        method: {
            "cpu_sec_per_hour": statistics.median(b.cpu_sec - a.cpu_sec for a, b in pairs) / hours,
            "start_cpu_sec": statistics.median(a.cpu_sec for a, _ in pairs),
            "peak_mb": max(b.peak_mb for _, b in pairs),
            "found": pairs[0][1].found,
        }
        for method, pairs in runs.items()
    }
    floor = rows["decoder"]["cpu_sec_per_hour"]
    for row in rows.values():
        row["of_decoder"] = round(row["cpu_sec_per_hour"] / floor, 3)
    truth = SILENCES_OF_ALL[case.channels] * minutes
    return {"case": case.name, "target": case.target, "silences": truth, "methods": rows}


def show(result: Mapping[str, Any]) -> None:
    print(f"\n{result['case']}: {result['silences']} silences, target {result['target']} x decoder")
    for method, row in result["methods"].items():
        print(
            f"  {method:<14} {row['cpu_sec_per_hour']:8.3f} s/h  x{row['of_decoder']:7.2f}"
            f"  peak {row['peak_mb']:6.0f} MB  start {row['start_cpu_sec']:.2f} s  found {row['found']}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--method", choices=METHODS)
    parser.add_argument("--make", nargs=2, metavar=("CASE", "SECONDS"))
    parser.add_argument("path", nargs="?", type=Path)
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cases", nargs="*", default=[case.name for case in CASES])
    parser.add_argument("--pydub", action="store_true", help="pydub too, which takes minutes")
    parser.add_argument(
        "--memory", type=int, nargs="*", default=[], metavar="MINUTES", help="peak memory at these lengths"
    )
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "calls-benchmark-audio")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    wanted = parser.parse_args()
    if wanted.method:
        print(METHODS[wanted.method](wanted.path))
        return
    if wanted.make:
        name, seconds = wanted.make
        write(next(case for case in CASES if case.name == name), wanted.folder, int(seconds))
        return
    wanted.folder.mkdir(exist_ok=True)
    results = []
    memory = {}
    for case in (case for case in CASES if case.name in wanted.cases):
        left_out = set() if case.codec == "pcm_s16le" else set(WAV_ALONE)
        left_out |= set() if wanted.pydub else {"pydub-10", "pydub-1"}
        methods = [method for method in METHODS if method not in left_out]
        results.append(compare(case, wanted.folder, wanted.minutes, wanted.rounds, methods))
        show(results[-1])
        if wanted.memory:
            memory[case.name] = {m: run("ours", make(case, wanted.folder, m * 60)).peak_mb for m in wanted.memory}
            print("  peak MB by minutes:", {m: round(peak) for m, peak in memory[case.name].items()}, flush=True)
    if wanted.json:
        wanted.json.write_text(json.dumps({**conditions(), "cases": results, "peak_mb": memory}, indent=1))


if __name__ == "__main__":
    main()
