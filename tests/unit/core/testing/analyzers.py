"""Analyzers: two that are right, and one for every way of being wrong."""

import asyncio
import time
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from calls_core.errors import CallsError
from calls_core.findings import Facts, Signal
from calls_core.ports import Analyzer, Audio
from calls_core.testing import AnalyzerContract

HELD_SEC = 0.3


@dataclass
class Counting:
    """Counts samples per channel, and is right in all that it does."""

    name: str = "counting"
    version: str = "1"
    after: Sequence[str] = ()

    async def analyze(self, audio: Audio) -> Any:
        frames = 0
        async with audio.decoded() as samples:
            async for block in samples:
                frames += len(block[0]) // 2
        return Facts(values={"frames": frames, "channels": samples.channels}, caveat=samples.caveat)


@dataclass
class Building(Counting):
    """Builds on another one, whose finding it needs."""

    after: Sequence[str] = ("signal",)

    async def analyze(self, audio: Audio) -> Any:
        signal = audio.findings.get("signal")
        if not isinstance(signal, Signal):
            raise CallsError("needs signal")
        return Facts(values={"seconds": signal.duration_sec}, caveat=signal.caveat)


class ReturnsDict(Counting):
    async def analyze(self, audio: Audio) -> Any:
        return {"frames": 1}


class FindsInfinity(Counting):
    async def analyze(self, audio: Audio) -> Any:
        return Facts(values={"level": float("-inf")})


class DividesByNothing(Counting):
    async def analyze(self, audio: Audio) -> Any:
        found = await super().analyze(audio)
        return Facts(values={"inverse": 1 / found.values["frames"]}, caveat=found.caveat)


class KnowsOneChannel(Counting):
    async def analyze(self, audio: Audio) -> Any:
        async with audio.decoded() as samples:
            async for (_one,) in samples:
                pass
        return Facts(values={}, caveat=samples.caveat)


class Overflows(Counting):
    async def analyze(self, audio: Audio) -> Any:
        async with audio.decoded() as samples:
            loudest = [max(array("h", map(abs, memoryview(plane).cast("h")))) async for b in samples for plane in b]
        return Facts(values={"loudest": max(loudest)}, caveat=samples.caveat)


class KnowsTelephonesOnly(Counting):
    async def analyze(self, audio: Audio) -> Any:
        async with audio.decoded() as samples:
            return {8_000: Facts(values={})}[samples.sample_rate_hz]


class Forgets(Counting):
    async def analyze(self, audio: Audio) -> Any:
        return Facts(values=(await super().analyze(audio)).values)


class Swallows(Counting):
    async def analyze(self, audio: Audio) -> Any:
        try:
            return await super().analyze(audio)
        except CallsError:
            return Facts(values={})


@dataclass
class Remembers(Counting):
    total: int = 0

    async def analyze(self, audio: Audio) -> Any:
        found = await super().analyze(audio)
        self.total += found.values["frames"]
        return Facts(values={"frames": self.total}, caveat=found.caveat)


@dataclass
class SharesItself(Counting):
    frames: int = field(default=0)

    async def analyze(self, audio: Audio) -> Any:
        self.frames = 0
        async with audio.decoded() as samples:
            async for block in samples:
                self.frames += len(block[0]) // 2
        return Facts(values={"frames": self.frames}, caveat=samples.caveat)


class CountsBlocks(Counting):
    async def analyze(self, audio: Audio) -> Any:
        async with audio.decoded() as samples:
            blocks = [block async for block in samples]
        return Facts(values={"blocks": len(blocks)}, caveat=samples.caveat)


class Meddles(Building):
    async def analyze(self, audio: Audio) -> Any:
        theirs = audio.findings["mutable"]
        assert isinstance(theirs, Facts)
        theirs.values["mine"] = 1  # type: ignore[index]
        return Facts(values={})


class TakesForGranted(Building):
    async def analyze(self, audio: Audio) -> Any:
        return Facts(values={"seconds": audio.findings["signal"].duration_sec})  # type: ignore[union-attr]


class Boasts(Counting):
    async def analyze(self, audio: Audio) -> Any:
        audio.progress(100)
        return await super().analyze(audio)


class Holds(Counting):
    async def analyze(self, audio: Audio) -> Any:
        time.sleep(HELD_SEC)  # noqa: ASYNC251 (that is its fault)
        return await super().analyze(audio)


class GoesOn(Counting):
    async def analyze(self, audio: Audio) -> Any:
        try:
            return await super().analyze(audio)
        except asyncio.CancelledError:
            return Facts(values={})


@dataclass
class KeepsSamples(Counting):
    kept: list[Any] = field(default_factory=list)

    async def analyze(self, audio: Audio) -> Any:
        self.kept.append(audio.decoded())
        samples = await self.kept[-1].__aenter__()
        async for _block in samples:
            pass
        return Facts(values={}, caveat=samples.caveat)


Test = Callable[[AnalyzerContract], None]

WRONG: Sequence[tuple[Callable[[], Analyzer], Test]] = [
    (partial(Counting, name="Mine, all mine"), AnalyzerContract.test_it_has_a_name),
    (partial(Counting, name="x" * 65), AnalyzerContract.test_it_has_a_name),
    (partial(Counting, version=""), AnalyzerContract.test_it_has_a_version),
    (partial(Counting, after="signal"), AnalyzerContract.test_it_names_what_it_builds_on),
    (partial(Counting, after=("counting",)), AnalyzerContract.test_it_names_what_it_builds_on),
    (partial(Counting, after=("signal", "signal")), AnalyzerContract.test_it_names_what_it_builds_on),
    (ReturnsDict, AnalyzerContract.test_speech),
    (FindsInfinity, AnalyzerContract.test_silence),
    (DividesByNothing, AnalyzerContract.test_hardly_any_audio),
    (KnowsOneChannel, AnalyzerContract.test_two_channels),
    (Overflows, AnalyzerContract.test_full_scale),
    (KnowsTelephonesOnly, AnalyzerContract.test_other_sample_rates),
    (Forgets, AnalyzerContract.test_cut_audio),
    (Swallows, AnalyzerContract.test_refused_audio),
    (Remembers, AnalyzerContract.test_it_finds_the_same_again),
    (SharesItself, AnalyzerContract.test_two_recordings_at_once),
    (CountsBlocks, AnalyzerContract.test_the_size_of_blocks_does_not_matter),
    (Meddles, AnalyzerContract.test_findings_of_others_are_left_alone),
    (TakesForGranted, AnalyzerContract.test_findings_of_others_may_be_missing),
    (Boasts, AnalyzerContract.test_progress),
    (Holds, AnalyzerContract.test_the_event_loop_is_not_held),
    (GoesOn, AnalyzerContract.test_it_can_be_cancelled),
    (KeepsSamples, AnalyzerContract.test_it_can_be_cancelled),
]
"""Each with the test of the contract that tells it."""
