"""The door in front of the API, as it is deployed: real nginx, real service, real storage."""

import json
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import botocore.session
import httpx2
import pytest
from botocore.config import Config

from calls_app.settings import Settings
from tests.deploy.door import CALL, Headers, caller, wait_for
from tests.servers.nginx import CONFIGURATION, NginxServer
from tests.servers.s3 import ACCESS_KEY, REGION, SECRET_KEY, S3Server
from tests.servers.service import Service

pytestmark = pytest.mark.requires("nginx")


def test_nginx_understands_its_configuration(tmp_path: Path) -> None:
    """``nginx -t`` has nothing to say, not even a warning."""
    server = NginxServer(tmp_path / "nginx", api=(9,))

    done = subprocess.run(server.command("-t"), check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert "[" not in done.stderr


@pytest.mark.parametrize("path", ["/metrics", "/metrics/", "//metrics", "/%6Detrics", "/calls/../metrics"])
def test_metrics_stay_inside(nginx: NginxServer, admin: Headers, path: str) -> None:
    """Not even an admin gets them, however they spell it."""
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {admin['Authorization']}\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", nginx.port)) as connection:
        connection.sendall(request.encode())
        answer = connection.makefile("rb").read()

    assert answer.startswith(b"HTTP/1.1 404")
    assert b"calls_" not in answer


def test_a_request_id_goes_through_and_back(nginx: NginxServer, service: Service, admin: Headers) -> None:
    """The client's own id is the one in the service's log; without one, nginx and service agree on another."""
    with caller(nginx, admin) as known:
        assert known.get("/calls", headers={"X-Request-ID": "from-the-client.1"}).headers["x-request-id"] == (
            "from-the-client.1"
        )
        made = known.get("/calls").headers["x-request-id"]

    for log, request_id in ((service.log, "from-the-client.1"), (service.log, made), (nginx.log, made)):
        wait_for(request_id, log)


def test_an_upload_passes_without_touching_the_disk(nginx: NginxServer, admin: Headers) -> None:
    """The body reaches the service while it is being sent: the service refuses it before its end has come."""
    with caller(nginx, admin) as known:
        call = known.post("/calls", json=CALL).json()
        head = (
            f"PUT /calls/{call['id']}/recording?filename=notes.txt HTTP/1.1\r\nHost: x\r\n"
            f"Authorization: {admin['Authorization']}\r\nContent-Length: 10000000\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", nginx.port), timeout=30) as connection:
            connection.sendall(head.encode() + b"x" * 1000)
            answer = connection.recv(4096)

    assert answer.startswith(b"HTTP/1.1 422")
    assert list((nginx.folder / "temp_body").iterdir()) == []


def test_a_recording_arrives_whole(nginx: NginxServer, admin: Headers) -> None:
    """What was sent through the door is what the service has hashed and gives out again."""
    audio = b"RIFF" + bytes(range(256)) * 40_000
    with caller(nginx, admin) as known:
        answer = known.post("/calls/ingest", data=CALL, files={"file": ("a.wav", audio)})
        assert answer.status_code == 202
        fetched = known.get(f"/calls/{answer.json()['id']}/recording/audio")

    assert fetched.content == audio


def test_what_is_too_large_is_refused_before_it_is_sent(nginx: NginxServer, admin: Headers) -> None:
    """The door knows the limit of the service, and says it as the service does."""
    size = Settings().max_upload_bytes + 2 * 1024**2
    head = (
        f"POST /calls/ingest HTTP/1.1\r\nHost: x\r\nAuthorization: {admin['Authorization']}\r\n"
        f"Content-Length: {size}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", nginx.port), timeout=30) as connection:
        connection.sendall(head.encode())
        answer = connection.recv(4096)

    assert answer.startswith(b"HTTP/1.1 413")
    assert b"urn:calls:problem:too-large" in answer
    limit = CONFIGURATION.read_text().partition("client_max_body_size ")[2].partition("m;")[0]
    assert Settings().max_upload_bytes < int(limit) * 1024**2 < Settings().max_upload_bytes + 2 * 1024**2


def test_no_log_line_holds_a_number(service: Service, admin: Headers, tmp_path: Path) -> None:
    """Whom people search for stands in the query, and in no log: not while all is well, not while the API is away."""
    gone = Service(tmp_path)  # never started
    with NginxServer(tmp_path / "well", api=(service.port,)) as well, caller(well, admin) as known:
        assert known.get("/calls", params={"query": "79001234567"}).status_code == 200
    with NginxServer(tmp_path / "away", api=(gone.port,)) as away, caller(away, admin) as known:
        answer = known.get("/calls", params={"query": "79001234567"})

    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "5"
    assert answer.json()["type"] == "urn:calls:problem:unavailable"
    for server in (well, away):
        lines = [json.loads(line) for line in server.log.read_text().splitlines()]
        assert [line["path"] for line in lines] == ["/calls"]
        assert "79001234567" not in server.log.read_text()


def test_a_replica_that_is_away_is_not_noticed(service: Service, admin: Headers, tmp_path: Path) -> None:
    """Every request is answered while one of two replicas does not listen, POST included: nothing had been sent."""
    gone = Service(tmp_path)
    with NginxServer(tmp_path / "nginx", api=(gone.port, service.port)) as nginx, caller(nginx, admin) as known:
        answers = [known.post("/calls", json=CALL).status_code for _ in range(6)]

    assert answers == [201] * 6


@pytest.mark.parametrize(("method", "times"), [("POST", 1), ("GET", 2)])
def test_what_may_have_happened_is_not_done_again(tmp_path: Path, method: str, times: int) -> None:
    """A POST that a replica took and did not answer goes to no other; a GET does."""
    with silent_api() as (first, seen_first), silent_api() as (second, seen_second):
        with NginxServer(tmp_path / "nginx", api=(first, second)) as nginx, caller(nginx) as known:
            answer = known.request(method, "/calls", json=CALL if method == "POST" else None)

        assert answer.status_code == 503
        assert len(seen_first) + len(seen_second) == times


@contextmanager
def silent_api() -> Iterator[tuple[int, list[bytes]]]:
    """An API that takes requests and hangs up; yields its port and what it got."""
    seen: list[bytes] = []

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                seen.append(connection.recv(65536))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        try:
            yield listener.getsockname()[1], seen
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.requires("s3")
def test_presigned_downloads_pass_and_nothing_else(s3_server: S3Server, s3_bucket: str, tmp_path: Path) -> None:
    """A signature made for the public address opens one object; without it there is nothing, and nothing is written."""
    s3_server.client.put_object(Bucket=s3_bucket, Key="a", Body=b"audio")
    port = int(s3_server.url.rpartition(":")[2])
    with NginxServer(tmp_path / "nginx", api=(9,), storage=port) as nginx:
        signer = _signer(nginx.download_url)
        url = signer.generate_presigned_url("get_object", Params={"Bucket": s3_bucket, "Key": "a"})
        upload = signer.generate_presigned_url("put_object", Params={"Bucket": s3_bucket, "Key": "b"})
        with httpx2.Client(trust_env=False) as anybody:
            whole, part = anybody.get(url), anybody.get(url, headers={"Range": "bytes=1-2"})
            assert (whole.content, part.status_code, part.content) == (b"audio", 206, b"ud")
            assert anybody.get(url.replace("/a?", "/b?")).status_code == 403
            assert anybody.get(f"{nginx.download_url}/{s3_bucket}/a").status_code == 404
            assert anybody.put(upload, content=b"x").status_code == 403

    assert s3_server.keys(s3_bucket) == {"a"}
    assert "Signature" not in nginx.log.read_text()


def _signer(endpoint: str) -> Any:
    return botocore.session.Session().create_client(
        "s3", endpoint_url=endpoint, region_name=REGION, aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY, config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )  # fmt: skip
