"""A client that never got its answer sends its request again."""

from pathlib import Path

import httpx2
import pytest

from tests.e2e.conversation import register
from tests.servers.service import Service


def test_a_server_that_died_after_the_commit_answers_the_repetition(tmp_path: Path, beep: Path) -> None:
    """The recording is there, its answer was lost: the repetition gets it, and a new key is told that it exists."""
    service = Service(tmp_path)
    keyed = {"Idempotency-Key": "upload-1"}
    form = {"file": ("beep.wav", beep.read_bytes())}
    try:
        service.start(fault="api.committed:kill:1")
        with service.client() as client:
            path = f"/calls/{register(client)['id']}/recording"
            with pytest.raises(httpx2.TransportError):
                client.post(path, files=form, headers=keyed)
        service.wait_until_dead()
        service.start()
        with service.client() as client:
            again = client.post(path, files=form, headers=keyed)
            assert (again.status_code, again.headers["Idempotency-Replayed"]) == (202, "true")
            assert client.get(path).json()["id"] == again.json()["id"]
            assert client.post(path, files=form, headers={"Idempotency-Key": "upload-2"}).status_code == 409
    finally:
        service.kill()
