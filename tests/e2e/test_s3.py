"""The service with its recordings in a bucket."""

import hashlib
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest

from tests.e2e.conversation import ended, register, upload
from tests.servers.s3 import SECRET_KEY, S3Server
from tests.servers.service import Service

pytestmark = pytest.mark.requires("s3")


@pytest.fixture(scope="module")
def bucket(s3_server: S3Server) -> str:
    return s3_server.create_bucket()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, s3_server: S3Server, bucket: str) -> Iterator[Service]:
    variables = s3_server.settings(bucket) | {"LOG_LEVEL": "DEBUG"}
    with Service(tmp_path_factory.mktemp("service"), measured=True, **variables) as running:
        yield running


def test_the_whole_way(service: Service, client: httpx2.Client, s3_server: S3Server, bucket: str, beep: Path) -> None:
    """Uploaded, processed, listened to, downloaded past the service, and erased; RECORDINGS_DIR stays unused."""
    call = register(client)
    upload(client, call["id"], beep, "Анна.wav")
    assert ended(client, call["id"])["status"] == "ready"
    assert len(s3_server.keys(bucket)) == 1
    audio = client.get(f"/calls/{call['id']}/recording/audio", headers={"Range": "bytes=8-11"})
    assert (audio.status_code, audio.content) == (206, b"WAVE")
    assert client.get(f"/calls/{call['id']}/recording/audio").content == beep.read_bytes()
    answer = client.get(f"/calls/{call['id']}/download")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    lifetime = datetime.fromisoformat(answer.json()["expires_at"]) - datetime.now(UTC)
    assert 800 < lifetime.total_seconds() <= 900
    with httpx2.Client(trust_env=False) as anybody:
        downloaded = anybody.get(answer.json()["url"])
    assert hashlib.sha256(downloaded.content).digest() == hashlib.sha256(beep.read_bytes()).digest()
    assert downloaded.headers["content-disposition"].startswith("attachment; filename*=")
    assert client.delete(f"/calls/{call['id']}").status_code == 204
    assert s3_server.keys(bucket) == set()
    assert not service.recordings.exists()
    assert "bucket" in client.get("/health/ready").json()["parts"]["storage"]["detail"]


def test_the_log_gives_nothing_away(service: Service) -> None:
    """Not even at its most talkative does it hold the secret, or a signature that lets anybody download."""
    log = service.log.read_text()
    assert "DEBUG" in log or "debug" in log
    for secret in (SECRET_KEY, "X-Amz-Signature", "Signature"):
        assert secret not in log


def test_idle_memory_is_small(service: Service) -> None:
    """The S3 library needs memory of its own; with it the service keeps less than 160 MB."""
    assert service.process is not None
    status = Path(f"/proc/{service.process.pid}/status").read_text().splitlines()
    resident = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
    print(f"{resident // 1024} MiB")
    assert resident < 160 * 1024


def test_an_outage_is_told_and_survived(tmp_path: Path, beep: Path) -> None:
    """While the S3 service is down an upload gets 503 and health says what to do; when it is back, all goes on."""
    with S3Server() as server:
        bucket = server.create_bucket()
        with Service(tmp_path, **server.settings(bucket), LEASE_SEC="1.5") as service, service.client() as client:
            server.kill()
            call = register(client)
            answer = client.post(f"/calls/{call['id']}/recording", files={"file": ("a.wav", beep.read_bytes())})
            assert (answer.status_code, answer.json()["type"]) == (503, "urn:calls:problem:storage-unavailable")
            assert "retry-after" in answer.headers
            health = client.get("/health/ready")
            assert (health.status_code, health.json()["parts"]["storage"]["status"]) == (503, "down")
            server.start()
            upload(client, call["id"], beep)
            assert ended(client, call["id"])["status"] == "ready"
            deadline = time.monotonic() + 60
            while len(server.keys(bucket)) != 1:
                assert time.monotonic() < deadline, server.keys(bucket)
                time.sleep(0.1)


def test_doctor_names_what_is_wrong(tmp_path: Path, s3_server: S3Server, bucket: str) -> None:
    """A bucket that nobody has made is not made in silence: doctor says what to do."""
    for name, said in ((bucket, f"the bucket {bucket} can be written to"), ("never-made", "S3_BUCKET")):
        environment = s3_server.settings(name) | {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "COLUMNS": "300"}
        command = [sys.executable, "-m", "calls_app", "doctor"]
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert said in done.stdout, done.stdout + done.stderr
        assert SECRET_KEY not in done.stdout + done.stderr
