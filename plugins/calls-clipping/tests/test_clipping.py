"""The example plugin, as an author would test it: alone, and found by Calls."""

from array import array

import calls_clipping
from calls_adapters.plugins import load_plugins
from calls_core.findings import Facts
from calls_core.hookspecs import AnalysisOptions
from calls_core.ports import Analyzer
from calls_core.testing import AnalyzerContract, Sound, found, offered, silence, stereo, tone


def clipping() -> Analyzer:
    [analyzer] = offered(calls_clipping)
    return analyzer


class TestContract(AnalyzerContract):
    """It keeps to what is asked of every analyzer, cut audio included."""

    def analyzer(self) -> Analyzer:
        return clipping()


def test_counts_clipped_samples_per_channel() -> None:
    """Both ends of the scale count, quiet channels do not."""
    planes = ([0, 32767, -32768, 100], [0, 0, 31999, -31999])
    sound = Sound(tuple(array("h", plane).tobytes() for plane in planes), sample_rate_hz=8)
    finding = found(clipping(), sound)
    assert finding == Facts(values={"clipped_share": [0.5, 0.0], "clipped_sec": [0.25, 0.0]})


def test_a_tone_that_is_too_loud_is_clipped() -> None:
    """One 20 dB above full scale is so nearly all the time; beside it, one at -20 dBFS is not."""
    finding = found(clipping(), stereo(tone(9.0, dbfs=20.0), silence(1.0) + tone(8.0)))
    assert isinstance(finding, Facts)
    loud, well = finding.values["clipped_share"]
    assert loud > 0.9
    assert well == 0.0


def test_calls_finds_it() -> None:
    """Installed beside Calls, it is offered by its entry point."""
    [plugin] = [p for p in load_plugins(AnalysisOptions()) if p.distribution == "calls-clipping"]
    assert plugin.error is None
    assert [analyzer.name for analyzer in plugin.analyzers] == ["clipping"]
