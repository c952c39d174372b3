"""Recordings through the running service and an asynchronous AI service beside it, whichever of them dies."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.audio_files import speech, wav
from tests.e2e.conversation import ended, processed, register, upload
from tests.servers.fake_ai import FakeAiService
from tests.servers.ports import free_port
from tests.servers.process import ServiceDied
from tests.servers.service import Service

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
Started = Callable[..., tuple[FakeAiService, Service]]


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Started]:
    """Starts a forgetful AI service, and ours, which dies at a fault point if one is named."""
    with ExitStack() as stack:

        def start(*options: str, fault: str = "", **settings: str) -> tuple[FakeAiService, Service]:
            port = free_port()
            signed = ("--callback-auth", f"signature:{SECRET}")
            fake = stack.enter_context(FakeAiService(tmp_path, *signed, *options))
            usual = {
                "AI_PROTOCOL": "async",
                "AI_BASE_URL": fake.url,
                "AI_LINK_SECRET": "k" * 32,
                "AI_CALLBACK_AUTH": "signature",
                "AI_CALLBACK_SECRET": SECRET,
                "AI_POLL_SEC": "600",
                "LEASE_SEC": "1",
            }
            usual |= {"PUBLIC_BASE_URL": f"http://127.0.0.1:{port}"}
            service = Service(tmp_path, port=port, **usual | settings)
            stack.callback(service.kill)
            service.start(fault=fault or None)
            return fake, service

        yield start


@pytest.fixture
def dialogue(tmp_path: Path) -> Path:
    path = tmp_path / "dialogue.wav"
    path.write_bytes(wav(speech(6.0, [[(3, 6)], [(0, 3)]])))
    return path


def test_an_order_comes_back_by_a_signed_callback(started: Started, dialogue: Path) -> None:
    """The service fetches the audio from us and brings who spoke when; nobody asks it for anything."""
    fake, service = started("--forgetful")
    with service.client() as client:
        call, recording = processed(client, dialogue)
        assert call["status"] == "ready"
        assert [segment["channel"] for segment in recording["findings"]["ai"]["segments"]] == [0, 1]
        subtitles = client.get(f"/calls/{call['id']}/transcript", params={"format": "srt"}).text
        assert subtitles.count("-->") == 2
    stats = fake.stats
    assert (stats["requests"], stats["paid"], stats["polled"]) == (1, 1, 0)
    assert (stats["callbacks"], stats["fetched"]) == ([204], [200])
    assert "k" * 32 not in service.said
    assert SECRET not in service.said


@pytest.mark.parametrize(
    ("fault", "options"),
    [
        ("ai.submitted:kill:1", ()),  # the service honours keys: ours is the same after the death
        ("ai.ordered:kill:1", ("--forgetful",)),
        ("worker.before_finish:kill:1", ("--forgetful",)),
    ],
)
def test_a_death_around_the_order_pays_nothing_twice(
    started: Started, dialogue: Path, fault: str, options: tuple[str, ...]
) -> None:
    """Killed when the order is out and not noted, noted, or answered and not stored: the next process goes on."""
    fake, service = started("--work-sec", "0.2", *options, fault=fault, AI_POLL_SEC="1")
    with service.client() as client:
        call = register(client)
        upload(client, call["id"], dialogue)
    assert service.wait_until_dead() == -9
    service.start()
    with service.client() as client:
        assert ended(client, call["id"])["status"] == "ready"
    assert (fake.stats["paid"], fake.stats["paid_twice"]) == (1, 0)


def test_a_callback_that_was_confirmed_outlives_the_api(started: Started, dialogue: Path) -> None:
    """The API is killed right after it has taken the answer, before any worker can look; the next one does not ask."""
    fake, service = started("--work-sec", "0.3", "--forgetful", fault="ai.answer_taken:kill:1")
    with service.client() as client:
        call = register(client)
        upload(client, call["id"], dialogue)
    assert service.wait_until_dead() == -9
    service.start()
    with service.client() as client:
        assert ended(client, call["id"])["status"] == "ready"
    assert (fake.stats["paid"], fake.stats["polled"]) == (1, 0)


@pytest.mark.parametrize("made_up", ["?expires=99999999999&seal=AAAA", "?expires=1&seal=", "?expires=x&seal=y", ""])
def test_an_address_that_was_made_up_leads_nowhere(started: Started, dialogue: Path, made_up: str) -> None:
    """Neither to audio nor to a place for an answer."""
    _, service = started("--forgetful")
    with service.client() as client:
        call, _ = processed(client, dialogue)
        audio = client.get(f"/ai/audio/{call['id']}{made_up}")
        answer = client.post(f"/ai/callbacks/{call['id']}/answer-1/AAAA", content=b"{}")
    assert audio.status_code in {404, 422}
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:calls:problem:link-invalid")


def test_half_a_set_up_stops_the_start(tmp_path: Path) -> None:
    """One line names the variable."""
    urls = {"AI_BASE_URL": "http://ai.example", "PUBLIC_BASE_URL": "http://calls.example"}
    with pytest.raises(ServiceDied, match="AI_LINK_SECRET"):
        Service(tmp_path, AI_PROTOCOL="async", **urls).start()
