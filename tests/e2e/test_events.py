"""Events as a receiver sees them."""

import threading
import time
from pathlib import Path

import httpx2

from tests.http.test_calls import CALL
from tests.servers.service import Service


def test_a_stream_follows_and_ends_with_the_server(tmp_path: Path) -> None:
    """An event arrives while the stream is open; a server that is told to stop does not wait for its streams."""
    with Service(tmp_path) as service, service.client() as client:
        arrived = threading.Event()
        lines: list[str] = []

        def listen() -> None:
            with httpx2.stream("GET", f"{service.url}/events/stream?after=0", trust_env=False, timeout=30) as answer:
                for line in answer.iter_lines():
                    lines.append(line)
                    if line == "event: call.created":
                        arrived.set()

        listener = threading.Thread(target=listen)
        listener.start()
        client.post("/calls", json=CALL).raise_for_status()
        assert arrived.wait(20)
        began = time.monotonic()

        assert service.stop() == 0

        assert time.monotonic() - began < 10
        listener.join(10)
        assert not listener.is_alive()
        assert "event: call.created" in lines
