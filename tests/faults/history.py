"""What clients were told, held against what is there afterwards (Jepsen's sets)."""

import hashlib
import time
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2

from tests.servers.service import Service

QUIET_LIMIT_SEC: Final = 60.0


@dataclass
class History:
    """*accepted* maps the ids of calls whose upload was answered with 2xx to the SHA-256 of what was sent."""

    accepted: dict[str, str] = field(default_factory=dict)
    registered: dict[str, str] = field(default_factory=dict)
    unknown: int = 0

    def upload(self, client: httpx2.Client, audio: bytes, name: str) -> None:
        """Register a call and send its recording, noting what was answered."""
        try:
            fields = {"caller": name, "receiver": "101", "started_at": "2026-01-01T00:00:00Z"}
            call = client.post("/calls", json=fields)
            if not call.is_success:
                return
            call_id = call.json()["id"]
            self.registered[call_id] = hashlib.sha256(audio).hexdigest()
            answer = client.post(f"/calls/{call_id}/recording", files={"file": (f"{name}.wav", audio)})
            if answer.status_code == 202:
                self.accepted[call_id] = answer.json()["sha256"]
        except httpx2.TransportError:
            self.unknown += 1


def settled(service: Service, history: History) -> dict[str, dict[str, Any]]:
    """Wait until nothing is being processed any more; return every registered call by its id."""
    deadline = time.monotonic() + QUIET_LIMIT_SEC
    with service.client() as client:
        while True:
            calls = {call_id: client.get(f"/calls/{call_id}").json() for call_id in history.registered}
            busy = [call_id for call_id, call in calls.items() if call["status"] == "processing"]
            if not busy:
                return calls
            assert time.monotonic() < deadline, f"still processing: {busy}\n{service.log.read_text()[-4000:]}"
            time.sleep(0.1)


def check(service: Service, history: History) -> None:
    """Assert that nothing accepted was lost, nothing came twice, and nothing was left lying about."""
    calls = settled(service, history)
    with service.client() as client:
        assert client.get("/calls?limit=1").json()["total"] >= len(history.registered)
        lost_workers = [key for key, call in calls.items() if (call["failure"] or {}).get("code") == "worker-lost"]
        if lost_workers:
            # Killed five times over the same recording, by chance: told with its reason, and whole after reprocessing.
            for call_id in lost_workers:
                client.post(f"/calls/{call_id}/reprocess").raise_for_status()
            calls = settled(service, history)
        for call_id, sha256 in history.accepted.items():
            assert calls[call_id]["status"] == "ready", calls[call_id]
            assert hashlib.sha256(client.get(f"/calls/{call_id}/recording/audio").content).hexdigest() == sha256
        for call_id, call in calls.items():
            recording = client.get(f"/calls/{call_id}/recording")
            assert recording.is_success == (call["status"] != "created"), (call, recording.text)
            if recording.is_success:
                assert recording.json()["sha256"] == history.registered[call_id]
        with_audio = sum(call["status"] != "created" for call in calls.values())
        _wait_until_tidy(service, with_audio)


def _wait_until_tidy(service: Service, recordings: int) -> None:
    """The sweep removes what belongs to no recording once its hold has ended."""
    deadline = time.monotonic() + QUIET_LIMIT_SEC
    while len(files := service.files()) != recordings:
        assert len(files) > recordings, "audio is missing"
        assert time.monotonic() < deadline, f"{len(files)} files for {recordings} recordings"
        time.sleep(0.1)
    assert not [name for name in files if name.endswith(".part")]
