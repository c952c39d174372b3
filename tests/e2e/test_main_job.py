"""A call goes in, and comes out stored, measured, searchable and downloadable."""

import asyncio
import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from calls_adapters.sql.migrate import migrate
from tests.e2e.conversation import ended, processed, register, upload
from tests.servers.service import Service

DATABASES = ["sqlite", pytest.param("postgres", marks=pytest.mark.requires("postgres"))]


@pytest.fixture(scope="module", params=DATABASES)
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    url = None
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_server").create_database()
        asyncio.run(migrate(url))
    with Service(folder, url, measured=True, WEBHOOK_ALLOW_CIDRS="127.0.0.0/8") as running:
        yield running


def test_the_whole_way(client: httpx2.Client, beep: Path) -> None:
    """Registered, uploaded, processed, found by number, downloaded, drawn, exported, counted and deleted."""
    call = register(client, agent="maria", tags=["vip"], external_id="pbx-1", metadata={"queue": 7})
    recording = upload(client, call["id"], beep)
    assert recording["sha256"] == hashlib.sha256(beep.read_bytes()).hexdigest()
    call = ended(client, call["id"])
    assert (call["status"], call["duration_sec"], call["failure"]) == ("ready", 2.0, None)
    recording = client.get(f"/calls/{call['id']}/recording").json()
    assert (recording["codec"], recording["channels"], recording["sample_rate_hz"]) == ("pcm_s16le", 1, 8000)
    assert [step["status"] for step in recording["steps"]] == ["done"]
    for query in ("?query=+7900", "?query=%2B7900", "?query=900-123", "?tag=vip", "?agent=maria", "?status=ready"):
        assert call["id"] in [item["id"] for item in client.get(f"/calls{query}").json()["items"]], query
    audio = client.get(f"/calls/{call['id']}/recording/audio", headers={"Range": "bytes=0-3"})
    assert (audio.status_code, audio.content) == (206, b"RIFF")
    waveform = client.get(f"/calls/{call['id']}/recording/waveform?pixels=100").json()
    assert (waveform["version"], len(waveform["data"])) == (2, 2 * waveform["length"])
    assert client.get(f"/calls/{call['id']}/download").status_code == 501
    exported = [json.loads(line) for line in client.get("/calls/export?format=jsonl&tag=vip").text.splitlines()]
    assert [line["id"] for line in exported] == [call["id"]]
    assert client.get("/calls/stats?bucket=day").status_code == 200
    assert client.delete(f"/calls/{call['id']}").status_code == 204
    assert client.get(f"/calls/{call['id']}").status_code == 404
    assert client.get(f"/calls/{call['id']}/recording/audio").status_code == 404


@pytest.mark.requires("recordings")
def test_real_recordings_come_out_as_they_are(client: httpx2.Client, recordings: Path) -> None:
    """Duration, codec and silences of every real recording, in its format, agree with what is known of it."""
    for known in json.loads((recordings / "manifest.json").read_text())["files"]:
        call, recording = processed(client, recordings / known["file"])
        assert call["status"] == "ready", (known["file"], call)
        shortest, longest = known["duration_accept_sec"]
        assert shortest <= recording["duration_sec"] <= longest, known["file"]
        for name in {"codec", "channels", "sample_rate_hz"} & set(known):
            assert recording[name] == known[name], known["file"]
        everywhere = [(m["start_sec"], m["end_sec"]) for m in recording["silence_marks"] if m["channel"] is None]

        def silent_share(start: float, end: float, marks: list[tuple[float, float]] = everywhere) -> float:
            return sum(max(0.0, min(end, b) - max(start, a)) for a, b in marks) / (end - start)

        for start, end in known.get("must_be_silent_sec") or known.get("call", {}).get("silence_must", []):
            assert silent_share(start, end) >= 0.8, (known["file"], start, end)
        for start, end in known.get("must_not_be_silent_sec", []):
            assert silent_share(start, end) <= 0.2, (known["file"], start, end)


def test_a_call_is_pulled_from_a_url(client: httpx2.Client, beep: Path) -> None:
    """Given an address instead of a file, the worker fetches it; a wrong address ends failed with the reason."""

    class Pbx(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path.startswith("/beep.wav")
            self.send_response(200 if found else 404)
            self.end_headers()
            if found:
                self.wfile.write(beep.read_bytes())

        def log_message(self, *_: object) -> None:
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pbx) as pbx:
        threading.Thread(target=pbx.serve_forever, daemon=True).start()
        fields = {"caller": "1", "receiver": "2", "started_at": "2026-01-01T00:00:00Z"}
        base = f"http://127.0.0.1:{pbx.server_port}"
        good = client.post("/calls/ingest", json=fields | {"recording_url": f"{base}/beep.wav?sig=1"})
        bad = client.post("/calls/ingest", json=fields | {"recording_url": f"{base}/none.wav"})
        assert (good.status_code, bad.status_code) == (202, 202), good.text + bad.text
        assert ended(client, good.json()["id"])["status"] == "ready"
        assert ended(client, bad.json()["id"])["failure"]["code"] == "source-refused"
        pbx.shutdown()


def test_sigterm_ends_in_order(service: Service, client: httpx2.Client, beep: Path) -> None:
    """Told to stop, the service ends with 0 and without a traceback; what waited is processed after the next start."""
    calls = [register(client) for _ in range(5)]
    for call in calls:
        upload(client, call["id"], beep)
    assert service.stop() == 0
    assert "Traceback" not in service.log.read_text()
    service.start()
    assert {ended(client, call["id"])["status"] for call in calls} == {"ready"}


def test_idle_memory_is_small(service: Service) -> None:
    """At rest, after all this, the service keeps less than 120 MB."""
    assert service.process is not None
    status = Path(f"/proc/{service.process.pid}/status").read_text().splitlines()
    resident = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
    assert resident < 120 * 1024, f"{resident} kB"
