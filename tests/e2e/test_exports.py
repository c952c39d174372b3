"""An archive that outlives the worker that makes it."""

import io
import time
import zipfile
from pathlib import Path

from tests.e2e.conversation import register
from tests.servers.service import Service


def test_a_worker_that_dies_over_an_archive_costs_only_time(tmp_path: Path, beep: Path) -> None:
    """It dies when all bytes are written and none are published; the next one makes the archive anew, and what was left
    is cleared away."""
    service = Service(tmp_path, LEASE_SEC="1")
    try:
        service.start(fault="fs.written:kill:3")  # two recordings, then the archive
        with service.client() as client:
            for _ in range(2):
                call = register(client)
                client.post(f"/calls/{call['id']}/recording", files={"file": ("beep.wav", beep.read_bytes())})
            where = client.post("/exports", json={"contents": ["audio"]}).headers["Location"]
        service.wait_until_dead()
        service.start()
        with service.client() as client:
            deadline = time.monotonic() + 60
            while client.get(where).json()["state"] != "done" and time.monotonic() < deadline:
                time.sleep(0.1)
            found = zipfile.ZipFile(io.BytesIO(client.get(f"{where}/download").content))
            assert found.testzip() is None
            audio = [name for name in found.namelist() if name.startswith("audio/")]
            assert [found.read(name) for name in audio] == [beep.read_bytes()] * 2
            assert len(service.files()) == 3
            client.delete(where)
            while len(service.files()) > 2 and time.monotonic() < deadline:
                time.sleep(0.1)
            assert len(service.files()) == 2
    finally:
        service.kill()
