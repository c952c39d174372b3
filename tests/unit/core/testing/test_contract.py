"""The contract for analyzers: one that is right keeps it, and every way of being wrong is told by the test for it."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from calls_adapters.audio.signal import SignalAnalyzer
from calls_core.findings import Facts, Finding
from calls_core.hookspecs import AnalysisOptions
from calls_core.ports import Analyzer, Audio
from calls_core.testing import AnalyzerContract, Sound, signal_in, silence
from tests.unit.core.testing.analyzers import WRONG, Building, Counting, Test


class TestOneThatIsRight(AnalyzerContract):
    def analyzer(self) -> Analyzer:
        return Counting()


class TestSignal(AnalyzerContract):
    """The built-in one keeps it too."""

    def analyzer(self) -> Analyzer:
        return SignalAnalyzer(AnalysisOptions())


class TestOneThatBuilds(AnalyzerContract):
    def analyzer(self) -> Analyzer:
        return Building()

    def findings(self, sound: Sound) -> Mapping[str, Finding]:
        return {"signal": signal_in(sound)}


@pytest.mark.parametrize(
    ("wrong", "test"), WRONG, ids=[f"{number}-{test.__name__}" for number, (_wrong, test) in enumerate(WRONG)]
)
def test_what_is_wrong_is_told(wrong: Callable[[], Analyzer], test: Test) -> None:
    """The contract's test for it fails, be it by the contract's judgement or by the analyzer's own error."""

    class Contract(AnalyzerContract):
        def analyzer(self) -> Analyzer:
            return wrong()

        def findings(self, sound: Sound) -> Mapping[str, Finding]:
            return {"mutable": Facts(values={})}

    with pytest.raises((AssertionError, ArithmeticError, LookupError, ValueError)):
        test(Contract())


def test_an_analysis_that_never_ends_is_told() -> None:
    """It has a limit, and what it is stands in the message."""

    class Endless(Counting):
        async def analyze(self, audio: Audio) -> Any:
            await asyncio.Event().wait()

    class Contract(AnalyzerContract):
        limit_sec = 0.01

        def analyzer(self) -> Analyzer:
            return Endless()

    with pytest.raises(AssertionError, match="did not end within"):
        Contract().test_silence()


def test_every_test_of_the_contract_is_seen_to_fail() -> None:
    """None of them stands there without an analyzer above that it tells to be wrong."""
    there = {name for name in vars(AnalyzerContract) if name.startswith("test_")}
    assert {test.__name__ for _wrong, test in WRONG} == there


def test_silence_is_silent() -> None:
    """A sound of the kit is measured as the service would measure it."""
    assert signal_in(silence(1.5)).levels_dbfs == ((-96.0, -96.0),)
