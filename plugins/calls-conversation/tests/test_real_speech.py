"""The demonstration call that Calls ships, through the real decoder."""

from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from calls_adapters.audio.decoder import ChildDecoder
from calls_adapters.audio.signal import SignalAnalyzer
from calls_conversation import ConversationAnalyzer
from calls_core.findings import Facts, faults
from calls_core.hookspecs import AnalysisOptions
from calls_core.ports import Audio

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def audio() -> Audio:
    path = Path(str(files("calls_app") / "demo" / "sample.wav"))
    return Audio(path=path, filename=path.name, decoder=ChildDecoder())


async def test_nobody_talks_where_the_line_is_silent(audio: Audio) -> None:
    """Speech that is detected, and silence that is measured by level, do not contradict each other."""
    signal = await SignalAnalyzer(AnalysisOptions()).analyze(audio)
    finding = await ConversationAnalyzer().analyze(audio)
    found: dict[str, Any] = dict(finding.values)
    assert not list(faults(Facts(values=found)))
    for side, spans in enumerate(found["talk_spans_sec"]):
        silent = [(mark.start_sec, mark.end_sec) for mark in signal.silence_marks if mark.channel == side]
        both = sum(max(0, min(e, end) - max(s, start)) for s, e in silent for start, end in spans)
        assert silent
        assert both < 0.05 * found["talk_sec"][side]


async def test_two_people_take_turns(audio: Audio) -> None:
    """Both sides talk, in several turns, and answer within two or three seconds."""
    found: dict[str, Any] = dict((await ConversationAnalyzer().analyze(audio)).values)
    assert found["layout"] == "two_sided"
    assert min(found["turns"]) >= 3
    assert min(found["talk_share"]) > 0.3
    assert max(found["response_p90_sec"]) < 3
    assert found["overlap_sec"] < 0.5
