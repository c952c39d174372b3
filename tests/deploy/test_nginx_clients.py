"""What people, players, uploaders and followers of events do, through nginx as it is deployed."""

import base64
import re
import socket

import httpx2
import pytest

from calls_http.events import Streaming
from tests.deploy.door import CALL, Headers, caller, wait_for
from tests.servers.nginx import CONFIGURATION, NginxServer
from tests.servers.service import Service

pytestmark = pytest.mark.requires("nginx")

AUDIO = b"RIFF" + bytes(range(256)) * 8000
TUS = {"Tus-Resumable": "1.0.0"}


@pytest.mark.parametrize("path", ["/calls", "/audit", "/events/stream"])
def test_nobody_comes_in_without_signing_in(nginx: NginxServer, admin: Headers, path: str) -> None:
    """The API asks who comes, and nginx hands on what they say."""
    with caller(nginx) as anybody, anybody.stream("GET", path) as answer:
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
    with caller(nginx, admin) as known, known.stream("GET", path) as answer:
        assert answer.status_code == 200


def test_whether_the_process_lives_may_be_asked_by_anybody(nginx: NginxServer) -> None:
    """A watcher from outside needs no account and learns nothing else."""
    with caller(nginx) as anybody:
        assert anybody.get("/health/live").json() == {"status": "alive"}


@pytest.mark.parametrize(
    ("comes_from", "says", "found"),
    [
        ("127.0.0.5", "", "127.0.0.5"),
        ("127.0.0.6", "198.51.100.1", "127.0.0.6"),
        ("127.0.0.7", "198.51.100.1, 127.0.0.1", "127.0.0.7"),
        ("127.0.0.1", "198.51.100.1, 203.0.113.9", "203.0.113.9"),  # a proxy for TLS on this machine
    ],
)
def test_a_client_is_where_it_comes_from(
    nginx: NginxServer, admin: Headers, comes_from: str, says: str, found: str
) -> None:
    """Audit trail and limits know its address by what nginx saw; only a proxy that the service is told to believe, here
    this machine, may say that it is another, and then the last one that it names counts."""
    transport = httpx2.HTTPTransport(local_address=comes_from)
    with caller(nginx, transport=transport) as stranger:
        answer = stranger.post(
            "/auth/login", json={"username": "nobody", "password": "x" * 12}, headers={"X-Forwarded-For": says}
        )
        assert answer.status_code == 401

    with caller(nginx, admin) as known:
        latest = known.get("/audit").json()["items"][0]
    assert (latest["action"], latest["ip"]) == ("auth.sign_in_refused", found)


@pytest.mark.parametrize(("proto", "secure"), [("https", True), ("http", False), ("", False)])
def test_behind_tls_cookies_are_secure(nginx: NginxServer, password: str, proto: str, *, secure: bool) -> None:
    """The proxy in front says that it spoke TLS, and nginx hands that on."""
    with caller(nginx) as browser:
        answer = browser.post(
            "/auth/login", json={"username": "admin", "password": password}, headers={"X-Forwarded-Proto": proto}
        )

    assert answer.status_code == 200
    assert ("Secure" in answer.headers["set-cookie"]) is secure


def test_events_pass_as_they_come(nginx: NginxServer, admin: Headers) -> None:
    """None is kept back while the stream goes on, and a pause is not taken for a dead service."""
    with caller(nginx, admin) as known, known.stream("GET", "/events/stream") as stream:
        lines = stream.iter_lines()
        assert next(lines).startswith("retry:")
        call = known.post("/calls", json=CALL).json()
        told = next(line for line in lines if line.startswith("data: "))

    assert call["id"] in told
    waits = re.search(r"proxy_read_timeout (\d+)s;", CONFIGURATION.read_text())
    assert waits is not None
    assert Streaming().heartbeat_sec * 2 < int(waits[1])


def test_an_upload_that_is_broken_off_goes_on(nginx: NginxServer, admin: Headers) -> None:
    """What had come through nginx before the client was gone is kept, and the address that nginx handed back takes the
    rest."""
    told = {**CALL, "filename": "a.wav"}
    metadata = ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in told.items())
    size = len(AUDIO)
    with caller(nginx, admin | TUS) as known:
        made = known.post("/uploads", headers={"Upload-Length": str(size), "Upload-Metadata": metadata})
        assert made.status_code == 201
        path = made.headers["location"]
        head = (
            f"PATCH {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {admin['Authorization']}\r\nTus-Resumable: 1.0.0\r\n"
            f"Content-Type: application/offset+octet-stream\r\nUpload-Offset: 0\r\nContent-Length: {size}\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", nginx.port), timeout=30) as connection:
            connection.sendall(head.encode() + AUDIO[: size // 2])
        wait_for(f'"path":"{path}"', nginx.log.parent / "log")
        offset = 0
        while not offset:
            offset = int(known.head(path).headers["upload-offset"])
        chunk = {"Content-Type": "application/offset+octet-stream", "Upload-Offset": str(offset)}
        done = known.patch(path, headers=chunk, content=AUDIO[offset:])
        assert (done.status_code, done.headers["upload-offset"]) == (204, str(size))
        fetched = known.get(f"{done.headers['content-location']}/audio")

    assert 0 < offset <= size // 2
    assert fetched.content == AUDIO


def test_a_player_needs_its_address_only(nginx: NginxServer, service: Service, admin: Headers) -> None:
    """With the token of one call it reads range after range; the token is in nobody's log."""
    with caller(nginx, admin) as known:
        call = known.post("/calls/ingest", data=CALL, files={"file": ("a.wav", AUDIO)}).json()["id"]
        other = known.post("/calls", json=CALL).json()["id"]
        token = known.post("/auth/media-token", json={"call_id": call}).json()["token"]
    with caller(nginx, {"Range": "bytes=4-9"}, params={"token": token}) as player:
        part = player.get(f"/calls/{call}/recording/audio")
        refused = player.get(f"/calls/{other}/recording/audio")

    assert (part.status_code, part.content) == (206, bytes(range(6)))
    assert part.headers["content-range"] == f"bytes 4-9/{len(AUDIO)}"
    assert refused.status_code == 401
    for log in (nginx.log, service.log):
        wait_for(other, log)
        assert token not in log.read_text()


@pytest.mark.requires("page")
def test_the_page_comes_packed_and_stays(nginx: NginxServer) -> None:
    """How it is packed, kept by browsers and guarded is left as it was."""
    with caller(nginx, follow_redirects=True) as browser:
        page = browser.get("/")
        assert page.url.path == "/ui/"
        assert "content-security-policy" in page.headers
        assert page.headers["cache-control"] == "no-cache"
        asset = re.search(r'src="(/ui/assets/[^"]+\.js)"', page.text)
        assert asset is not None
        script = browser.get(asset[1])

    assert script.headers["content-encoding"] == "gzip"
    assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert script.headers["vary"] == "Accept-Encoding"
