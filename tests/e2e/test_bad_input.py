"""Whatever comes in: a clear refusal or a failed step, a living service, and nothing left lying about."""

import http.server
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.e2e.conversation import ended, processed, register, upload
from tests.servers.service import Service


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("service"), LEASE_SEC="2", MAX_UPLOAD_BYTES="10000000") as running:
        yield running


@pytest.fixture(autouse=True)
def unharmed(service: Service) -> Iterator[None]:
    """Every test ends with the same process as it began, without a traceback in its log."""
    assert service.process is not None
    before = service.process.pid
    yield
    assert not service.is_dead
    assert service.process.pid == before
    assert "Traceback" not in service.log.read_text()


def wav(*, data: bytes = b"", **changed: int) -> bytes:
    """A WAV file whose header says what the test wants."""
    said = {"tag": 1, "channels": 1, "rate": 8000, "bits": 16, "size": len(data), "riff": 36 + len(data)} | changed
    byte_rate = min(said["rate"] * said["channels"] * said["bits"] // 8, 2**32 - 1)
    block = min(said["channels"] * said["bits"] // 8, 65535)
    form = struct.pack("<HHIIHH", said["tag"], said["channels"], said["rate"], byte_rate, block, said["bits"])
    begin = b"RIFF" + struct.pack("<I", said["riff"]) + b"WAVEfmt " + struct.pack("<I", 16)
    return begin + form + b"data" + struct.pack("<I", said["size"]) + data


SECRET = "#EXTM3U\n#EXTINF:1,\n{target}\n#EXT-X-ENDLIST\n"

HOSTILE: dict[str, bytes] = {
    "text.wav": b"This is no audio at all, but somebody called it so.\n" * 20,
    "page.mp3": b"<!doctype html><html><body>404</body></html>",
    "noise.flac": os.urandom(5000),
    "noise.ogg": os.urandom(5000),
    "noise.m4a": os.urandom(5000),
    "noise.amr": os.urandom(5000),
    "zip.wma": b"PK\x03\x04" + os.urandom(500),
    "zeros.mp3": bytes(5000),
    "one-byte.wav": b"R",
    "no-samples.wav": wav(),
    "channels.wav": wav(data=bytes(100_000), channels=65535),
    "no-channels.wav": wav(data=bytes(1000), channels=0),
    "rate.wav": wav(data=bytes(1000), rate=2**32 - 1),
    "no-rate.wav": wav(data=bytes(1000), rate=0),
    "bits.wav": wav(data=bytes(1000), bits=65535),
    "codec.wav": wav(data=bytes(1000), tag=0x7777),
    "nested.mp4": (b"\x00\x00\x00\x08moov" * 20_000),
    "ffconcat.wav": b"ffconcat version 1.0\nfile /etc/passwd\n",
    "ffconcat.mp3": b"ffconcat version 1.0\nfile beep.wav\n",
    "id3-hls.mp3": b"ID3\x03\x00\x00\x00\x00\x00\x0a" + bytes(10) + SECRET.format(target="file:///etc/passwd").encode(),
    "svg.webm": b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
    "sdp.aac": b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nm=audio 9 RTP/AVP 0\r\n",
    "dash.m4a": b"<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011'><BaseURL>/etc/passwd</BaseURL></MPD>",
    "playlist.ulaw": SECRET.format(target="/etc/passwd").encode(),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_audio_ends_failed_with_a_reason(client: httpx2.Client, tmp_path: Path, name: str) -> None:
    """Accepted as bytes, refused by content: a stable code and a sentence, within seconds."""
    path = tmp_path / name
    path.write_bytes(HOSTILE[name])
    call, recording = processed(client, path)
    assert call["status"] == "failed", recording
    [step] = recording["steps"]
    assert (step["status"], step["attempts"]) == ("failed", 1)
    assert step["error"]["code"] in {"not-audio", "no-audio-stream", "audio-too-complex", "decoder-exhausted"}
    assert len(step["error"]["detail"]) > 10
    assert call["failure"]["code"] == step["error"]["code"]


@pytest.mark.parametrize("extension", ["mp3", "wav", "ogg", "m4a", "aac", "wma"])
def test_playlists_reach_nothing(client: httpx2.Client, tmp_path: Path, extension: str) -> None:
    """An HLS list under any name neither opens another file nor asks another server."""
    asked: list[str] = []

    class Canary(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Canary) as canary:
        threading.Thread(target=canary.serve_forever, daemon=True).start()
        path = tmp_path / f"list.{extension}"
        path.write_text(SECRET.format(target=f"http://127.0.0.1:{canary.server_port}/a.ts"))
        call, _ = processed(client, path)
        canary.shutdown()
    assert call["status"] == "failed"
    assert asked == []


@pytest.mark.parametrize(
    ("name", "data", "seconds", "code"),
    [
        ("cut.wav", wav(data=b"\x00\x10" * 8000, size=64_000, riff=64_036), 1.0, "truncated"),
        ("streamed.wav", wav(data=b"\x00\x10" * 8000, size=0xFFFFFFFF, riff=0xFFFFFFFF), 1.0, None),
        ("size-0.wav", wav(data=b"\x00\x10" * 8000, size=0, riff=0), 1.0, None),
        ("tail.wav", wav(data=b"\x00\x10" * 8000) + b"LIST\x04\x00\x00\x00INFO", 1.0, None),
        ("wav-by-content.mp3", wav(data=b"\x00\x10" * 8000), 1.0, None),
    ],
)
def test_odd_files_keep_what_can_be_decoded(
    client: httpx2.Client, tmp_path: Path, name: str, data: bytes, seconds: float, code: str | None
) -> None:
    """A wrong or streamed length is no obstacle; a file that promised more says `truncated` and keeps its facts."""
    (tmp_path / name).write_bytes(data)
    call, recording = processed(client, tmp_path / name)
    assert (call["status"], recording["duration_sec"]) == ("ready", seconds)
    error = recording["steps"][0]["error"]
    assert (error and error["code"]) == code


NAMES = [
    "../../../../tmp/escape.wav",
    "..\\..\\escape.wav",
    "/etc/cron.d/escape.wav",
    "-rf.wav",
    "$(reboot).wav",
    "a;b|c&d.wav",
    "\u202egpj.wav",
    "звонок.wav",
    "📞.wav",
    'quote".wav',
    "x" * 5000 + ".wav",
    " .wav",
    "CON.wav",
    "a\r\nSet-Cookie: x=1.wav",
]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_names_are_only_text(service: Service, client: httpx2.Client, beep: Path, name: str) -> None:
    """No name makes a path, a header or a 500; what is kept can be downloaded under a clean name."""
    call = register(client)
    answer = client.put(f"/calls/{call['id']}/recording", params={"filename": name}, content=beep.read_bytes())
    assert answer.status_code in {202, 422}, answer.text
    if answer.status_code == 202:
        assert not set("/\\\r\n\0") & set(answer.json()["filename"])
        audio = client.get(f"/calls/{call['id']}/recording/audio")
        assert audio.content == beep.read_bytes()
        assert "set-cookie" not in audio.headers
    assert not list(Path("/tmp").glob("escape*"))
    assert all(len(Path(found).name) >= 32 for found in service.files())


def test_refusals_have_codes(client: httpx2.Client, beep: Path, tmp_path: Path) -> None:
    """Each wrong request gets its status, its code, and a pointer to what is wrong."""
    empty = tmp_path / "empty.wav"
    empty.write_bytes(b"")
    call = register(client)
    path = f"/calls/{call['id']}/recording"
    fields = {"caller": "1", "receiver": "2", "started_at": "2026-01-01T00:00:00Z"}

    def sent(file: Path, name: str) -> httpx2.Response:
        return client.post(path, files={"file": (name, file.read_bytes())})

    expected: list[tuple[Callable[[], httpx2.Response], int, str]] = [
        (lambda: sent(beep, "beep.txt"), 422, "unsupported-extension"),
        (lambda: sent(empty, "empty.wav"), 422, "empty-recording"),
        (lambda: client.put(f"{path}?filename=a.wav", content=bytes(10_000_001)), 413, "too-large"),
        (
            lambda: client.put(
                f"{path}?filename=a.wav", content=b"x", headers={"Repr-Digest": "sha-256=:" + "A" * 43 + "=:"}
            ),
            422,
            "digest-mismatch",
        ),
        (lambda: client.get("/calls?limit=0"), 422, "invalid"),
        (lambda: client.get("/calls?query=7"), 422, "invalid-query"),
        (lambda: client.get("/calls?started_from=2026-01-01T00:00:00"), 422, "invalid"),
        (lambda: client.post("/calls", json=fields | {"started_at": "2026-01-01T00:00:00"}), 422, "invalid-call"),
        (lambda: client.post("/calls", json=fields | {"caller": ""}), 422, "invalid-call"),
        (lambda: client.get("/calls/00000000-0000-7000-8000-000000000000"), 404, "call-not-found"),
        (lambda: client.get(path), 404, "recording-not-found"),
    ]
    for ask, status, code in expected:
        answer = ask()
        assert answer.status_code == status, (code, answer.text)
        assert answer.headers["content-type"].startswith("application/problem+json")
        problem: dict[str, Any] = answer.json()
        assert problem["type"].startswith(f"urn:calls:problem:{code}"), problem
        assert problem["detail"]
    upload(client, call["id"], beep)
    assert sent(beep, "again.wav").json()["type"] == "urn:calls:problem:recording-exists"


def test_of_two_uploads_at_once_one_is_kept(client: httpx2.Client, service: Service, beep: Path) -> None:
    """Twelve clients send to one call at the same time: one 202, the others 409."""
    call = register(client)

    def send(_: int) -> int:
        with service.client() as own, beep.open("rb") as file:
            return own.post(f"/calls/{call['id']}/recording", files={"file": ("a.wav", file)}).status_code

    with ThreadPoolExecutor(12) as pool:
        answers = sorted(pool.map(send, range(12)))
    assert answers == [202] + [409] * 11
    assert ended(client, call["id"])["status"] == "ready"


def half_a_body(service: Service, call_id: str, *, reset: bool) -> None:
    with socket.create_connection(("127.0.0.1", service.port)) as line:
        head = f"PUT /calls/{call_id}/recording?filename=a.wav HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"
        line.sendall(head.encode())
        line.sendall(bytes(300_000))
        time.sleep(0.1)
        if reset:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_half_a_body_is_nothing(client: httpx2.Client, service: Service, beep: Path, *, reset: bool) -> None:
    """A client that goes away leaves no recording and no file; the call can take another upload."""
    call = register(client)
    files = service.files()
    half_a_body(service, call["id"], reset=reset)
    deadline = time.monotonic() + 60
    while service.files() != files and time.monotonic() < deadline:
        time.sleep(0.02)
    assert service.files() == files
    assert client.get(f"/calls/{call['id']}/recording").status_code == 404
    upload(client, call["id"], beep)
    assert ended(client, call["id"])["status"] == "ready"


def test_an_upload_to_a_deleted_call_is_refused(client: httpx2.Client, beep: Path) -> None:
    """404, and nothing is stored."""
    call = register(client)
    client.delete(f"/calls/{call['id']}")
    with beep.open("rb") as file:
        assert client.post(f"/calls/{call['id']}/recording", files={"file": ("a.wav", file)}).status_code == 404


def test_nothing_is_left_behind(client: httpx2.Client, service: Service) -> None:
    """After all of the above and one sweep, every file belongs to a recording."""
    recordings = 0
    cursor: str | None = None
    while True:
        page = client.get("/calls", params={"limit": 200} | ({"cursor": cursor} if cursor else {})).json()
        recordings += sum(item["status"] != "created" for item in page["items"])
        cursor = page["next_cursor"]
        if cursor is None:
            break
    deadline = time.monotonic() + 60
    while len(service.files()) != recordings and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(service.files()) == recordings
