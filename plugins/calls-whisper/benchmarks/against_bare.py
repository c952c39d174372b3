# ruff: noqa: INP001, S311, T201, TID251 (a program that prints, with the real decoder)
"""Compares the plugin with faster-whisper alone, in one process, by turns, with the same model and the same options.

    python benchmarks/against_bare.py MODEL_FOLDER [--turns N] [--rounds N] [--only plugin|bare]

The call is made of the real speech in tests/recordings: *turns* of one speaker or the other, with silences of 1 to 8 s
between them, as 8 kHz PCM. CPU seconds count the decoder's process too; memory is the peak of this process.
"""

import argparse
import asyncio
import json
import random
import re
import resource
import tempfile
import time
import wave
from pathlib import Path
from typing import Any

import numpy as np
from calls_adapters.audio.decoder import ChildDecoder
from calls_adapters.audio.signal import SignalAnalyzer
from calls_core.findings import Transcript
from calls_core.hookspecs import AnalysisOptions
from calls_core.ports import Audio
from calls_whisper import WhisperAnalyzer, WhisperSettings
from faster_whisper import WhisperModel

RATE = 8_000
EXACT = 200
"""Of calls with more turns the word error rate is not computed: that takes the square of their length."""

RECORDINGS = Path(__file__).parents[1] / "tests" / "recordings"
SAID = {
    "kennedy": "and so my fellow americans ask not what your country can do for you"
    " ask what you can do for your country",
    "austen": "and mr john dashwood had then leisure to consider how much there might be"
    " prudently in his power to do for them",
}


async def speech(name: str) -> np.ndarray[Any, np.dtype[np.int16]]:
    path = RECORDINGS / f"{name}.opus"
    async with ChildDecoder().decode(path, path.name, sample_rate_hz=RATE) as samples:
        return np.concatenate([np.frombuffer(block[0], np.int16) async for block in samples])


async def make_call(path: Path, turns: int) -> str:
    """Write the call to *path* and return what is said in it."""
    voices = {name: await speech(name) for name in SAID}
    dice = random.Random(1)
    said = []
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        for _turn in range(turns):
            name = dice.choice(sorted(SAID))
            said.append(SAID[name])
            file.writeframes(bytes(2 * int(dice.uniform(1, 8) * RATE)) + voices[name].tobytes())
    return " ".join(said)


def word_error_rate(truth: str, text: str) -> float:
    said, heard = (re.findall(r"[a-z']+", words.lower()) for words in (truth, text))
    row = np.arange(len(heard) + 1)
    for i, word in enumerate(said, 1):
        previous, row = row, np.empty_like(row)
        row[0] = i
        for j, other in enumerate(heard, 1):
            row[j] = min(previous[j] + 1, row[j - 1] + 1, previous[j - 1] + (word != other))
    return int(row[-1]) / len(said)


def cpu_sec() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=["plugin", "bare"])
    asked = parser.parse_args()
    options = AnalysisOptions()
    analyzer = WhisperAnalyzer(WhisperSettings(model=asked.model, language="en"), options)
    bare = None
    if asked.only != "plugin":
        bare = WhisperModel(asked.model, device="cpu", compute_type="int8", cpu_threads=1)

    async def by_plugin(path: Path) -> str:
        audio = Audio(path=path, filename=path.name, decoder=ChildDecoder())
        signal = await SignalAnalyzer(options).analyze(audio)
        found: Transcript = await analyzer.analyze(
            Audio(path=path, filename=path.name, decoder=ChildDecoder(), findings={"signal": signal})
        )
        return found.text

    async def by_itself(path: Path) -> str:
        assert bare is not None  # noqa: S101 (a program)
        segments, _info = bare.transcribe(
            str(path),
            language="en",
            beam_size=1,
            temperature=(0.0, 0.4),
            condition_on_previous_text=False,
            word_timestamps=True,
        )
        return " ".join(segment.text for segment in segments)

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "call.wav")
        truth = await make_call(path, asked.turns)
        seconds = path.stat().st_size / 2 / RATE  # noqa: ASYNC240 (nobody waits)
        for _round in range(asked.rounds):
            for name, run in (("plugin", by_plugin), ("bare", by_itself)):
                if asked.only not in {None, name}:
                    continue
                cpu, wall = cpu_sec(), time.perf_counter()
                text = await run(path)
                row = {
                    "what": name,
                    "audio_sec": round(seconds),
                    "wall_sec": round(time.perf_counter() - wall, 2),
                    "cpu_sec": round(cpu_sec() - cpu, 2),
                    "word_error_rate": round(word_error_rate(truth, text), 4) if asked.turns <= EXACT else None,
                    "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
                }
                print(json.dumps(row), flush=True)


asyncio.run(main())
