"""The examples of the documentation run as they stand there."""

import subprocess
import sys
from pathlib import Path

import httpx2

from calls_app.checks import sample_recording
from tests.servers.ports import free_port
from tests.servers.service import Service

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


def test_process_a_recording(tmp_path: Path) -> None:
    """The library example ends in a call that is ready, with silences, found again by its number."""
    script = EXAMPLES / "process_a_recording.py"
    done = subprocess.run(
        [sys.executable, str(script), str(sample_recording()), str(tmp_path / "data")],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "sample.wav: ready" in done.stdout
    assert "silent from" in done.stdout
    assert done.stdout.rstrip().endswith("ready")


def test_receive_webhooks(tmp_path: Path) -> None:
    """The receiver prints the event that it is sent, and answers a forged one with 401."""
    port = free_port()
    with (
        Service(tmp_path, WEBHOOK_ALLOW_CIDRS="127.0.0.0/8") as service,
        service.client() as client,
    ):
        hook = client.post("/webhooks", json={"url": f"http://127.0.0.1:{port}/"}).json()
        script = [sys.executable, str(EXAMPLES / "receive_webhooks.py"), hook["secret"], str(port)]
        with subprocess.Popen(script, stdout=subprocess.PIPE, text=True) as receiver:
            assert receiver.stdout is not None
            try:
                while client.post(f"/webhooks/{hook['id']}/test").json()["status"] != 204:
                    assert receiver.poll() is None
                assert receiver.stdout.readline() == "webhook.test None\n"
                forged = {"webhook-id": "1", "webhook-timestamp": "1", "webhook-signature": "v1,x"}
                assert httpx2.post(f"http://127.0.0.1:{port}/", headers=forged, trust_env=False).status_code == 401
                call = {"caller": "+7900", "receiver": "101", "started_at": "2026-11-22T09:30:00Z"}
                key = client.post("/calls", json=call).json()["id"]
                assert receiver.stdout.readline() == f"call.created {key}\n"
            finally:
                receiver.kill()


def test_no_example_is_left_out() -> None:
    """Every script has its test above."""
    assert {path.name for path in EXAMPLES.glob("*.py")} == {"process_a_recording.py", "receive_webhooks.py"}
