"""Recordings through the running service and an AI service beside it."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.audio_files import speech, wav
from tests.e2e.conversation import ended, processed, register, upload
from tests.servers.fake_ai import FakeAiService
from tests.servers.service import Service

KEY = "sk-very-secret"
Started = Callable[..., tuple[FakeAiService, Service, httpx2.Client]]


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Started]:
    """Starts an AI service with a script, and ours with settings."""
    with ExitStack() as stack:

        def start(script: str = "", *options: str, **settings: str) -> tuple[FakeAiService, Service, httpx2.Client]:
            options = options or ("--forgetful",)
            fake = stack.enter_context(FakeAiService(tmp_path, "--key", KEY, "--script", script, *options))
            usual = {"AI_BASE_URL": fake.url, "AI_API_KEY": KEY, "LEASE_SEC": "1"}
            service = stack.enter_context(Service(tmp_path, **usual | settings))
            return fake, service, stack.enter_context(service.client())

        yield start


@pytest.fixture
def dialogue(tmp_path: Path) -> Path:
    """Twelve seconds of two channels that take turns."""
    path = tmp_path / "dialogue.wav"
    path.write_bytes(wav(speech(12.0, [[(3, 6), (9, 12)], [(0, 3), (6, 9)]])))
    return path


def step(recording: dict[str, Any], analyzer: str = "ai") -> dict[str, Any]:
    [found] = [step for step in recording["steps"] if step["analyzer"] == analyzer]
    return dict(found)


def test_a_stereo_call_goes_in_and_who_spoke_when_comes_out(started: Started, dialogue: Path) -> None:
    """With AI_BASE_URL alone: segments with channel and word times, text that is found, and subtitles."""
    fake, _, client = started()
    call, recording = processed(client, dialogue)
    assert call["status"] == "ready"
    segments = recording["findings"]["ai"]["segments"]
    assert [segment["channel"] for segment in segments] == [0, 1, 0, 1]
    for segment, start in zip(segments, (0, 3, 6, 9), strict=True):
        assert segment["start_sec"] == pytest.approx(start, abs=0.05)
        assert segment["end_sec"] == pytest.approx(start + 3, abs=0.05)
        assert segment["words"]
    assert recording["transcription"].count("\n") == 3
    assert (step(recording)["version"], step(recording)["attempts"]) == ("1 whisper-1", 1)
    found = client.get("/calls", params={"text": " ".join(segments[2]["text"].split()[:3])}).json()
    assert [item["id"] for item in found["items"]] == [call["id"]]
    subtitles = client.get(f"/calls/{call['id']}/transcript", params={"format": "vtt"}).text
    assert subtitles.count("<v channel 1>") == 2
    assert fake.stats["paid"] == 2


def test_a_finding_that_is_stored_is_not_paid_again(started: Started, dialogue: Path) -> None:
    """Another analyzer that is run again, or fails, does not make the AI service work again; asking for it does."""
    fake, _, client = started()
    call, _ = processed(client, dialogue)
    assert fake.stats["requests"] == 2
    for body in ({"analyzers": ["signal"], "force": True}, {}, {"analyzers": ["ai"]}):
        client.post(f"/calls/{call['id']}/reprocess", json=body)
        assert ended(client, call["id"])["status"] == "ready"
    assert fake.stats["requests"] == 2
    client.post(f"/calls/{call['id']}/reprocess", json={"analyzers": ["ai"], "force": True}).raise_for_status()
    assert ended(client, call["id"])["status"] == "ready"
    assert fake.stats["requests"] == 4


@pytest.mark.parametrize("script", ["500, refuse, 502", "ok, lost", "html, other-shape", "ok, slow"])
def test_a_service_that_recovers_costs_nothing_but_time(started: Started, dialogue: Path, script: str) -> None:
    """Outages and nonsense end, and the call is ready; the piece that was answered before is not asked again."""
    fake, service, client = started(script, AI_TIMEOUT_SEC="1.5")
    call, recording = processed(client, dialogue)
    assert call["status"] == "ready", call
    scripted = len(script.split(","))
    unheard = script.endswith(("lost", "slow"))
    assert fake.stats["requests"] == scripted + 2 - script.count("ok")
    assert fake.stats["paid_twice"] == int(unheard)  # this service forgets, and its answer never came
    assert len(recording["findings"]["ai"]["segments"]) == 4
    assert KEY not in service.said


def test_a_worker_that_dies_leaves_no_second_bill(started: Started, dialogue: Path) -> None:
    """Killed while the AI service works, with an answer in hand: the next worker finds that one, and asks for the other
    with the same key."""
    fake, service, client = started("ok, slow:60", "--host", "127.0.0.1")
    call = register(client)
    upload(client, call["id"], dialogue)
    while fake.stats["requests"] < 2:
        time.sleep(0.02)
    service.kill()
    service.start()
    assert ended(client, call["id"])["status"] == "ready"
    stats = fake.stats
    assert (stats["paid"], stats["paid_twice"]) == (2, 0)
    assert stats["requests"] == 3


@pytest.mark.parametrize(
    ("settings", "script", "code", "attempts"),
    [
        ({"AI_API_KEY": "sk-wrong"}, "", "ai-refused", 1),
        ({}, "413", "ai-refused", 1),
        ({}, "html*20", "ai-answer-invalid", 5),
        ({"AI_BASE_URL": "http://127.0.0.1:{port}/other"}, "", "ai-refused", 1),
    ],
)
def test_what_cannot_succeed_fails_with_a_reason(
    started: Started, dialogue: Path, settings: dict[str, str], script: str, code: str, attempts: int
) -> None:
    """The step names why, the call is failed, and the facts that were measured are kept."""
    with ExitStack() as stack:
        if address := settings.get("AI_BASE_URL"):
            other = stack.enter_context(FakeAiService(dialogue.parent))
            settings = {"AI_BASE_URL": address.format(port=other.port)}
        _, service, client = started(script, **settings)
        call, recording = processed(client, dialogue)
    assert (call["status"], call["failure"]["code"]) == ("failed", code)
    assert (step(recording)["attempts"], step(recording)["error"]["code"]) == (attempts, code)
    assert step(recording, "signal")["status"] == "done"
    assert recording["duration_sec"] == 12.0
    assert "sk-" not in service.said
    assert "sk-" not in str(call) + str(recording)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--script", "dance"], "'dance' is no behaviour"), (["--host", "192.0.2.1", "--port", "0"], "take another port")],
)
def test_the_fake_refuses_what_it_cannot_do(arguments: list[str], said: str) -> None:
    """One line and exit code 2, as for every setting that is refused."""
    command = [sys.executable, "-m", "calls_app", "fake-ai", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 2
    assert said in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_service_that_starts_later_is_found(started: Started, dialogue: Path, tmp_path: Path) -> None:
    """A call waits for an AI service that is down, says why, and is ready soon after it is there."""
    fake, _, client = started()
    fake.stop()
    call = register(client)
    upload(client, call["id"], dialogue)
    while (waiting := step(client.get(f"/calls/{call['id']}/recording").json()))["error"] is None:
        time.sleep(0.05)
    assert (waiting["status"], waiting["error"]["code"]) == ("pending", "ai-unavailable")
    fake.start()
    assert ended(client, call["id"])["status"] == "ready"


def test_health_tells_that_the_ai_service_is_left_alone(started: Started, dialogue: Path) -> None:
    """While it has asked for peace the service is ready all the same, and the part says what is wrong."""
    _, _, client = started("429:60*9")
    assert client.get("/health/ready").raise_for_status().json()["parts"]["ai"]["status"] == "up"
    call = register(client)
    upload(client, call["id"], dialogue)
    while step(client.get(f"/calls/{call['id']}/recording").json())["error"] is None:
        time.sleep(0.05)
    part = client.get("/health/ready").raise_for_status().json()["parts"]["ai"]
    assert part["status"] == "down"
    assert "left alone" in part["detail"]
