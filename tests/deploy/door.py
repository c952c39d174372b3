"""How tests speak to nginx."""

import time
from pathlib import Path
from typing import Any, Final, TypeAlias

import httpx2

from tests.servers.nginx import NginxServer
from tests.servers.service import PLAIN

Headers: TypeAlias = dict[str, str]

CALL: Final = {"caller": "+79001234567", "receiver": "101", "started_at": "2026-01-01T10:00:00Z"}


def caller(nginx: NginxServer, headers: Headers | None = None, **options: Any) -> httpx2.Client:
    """Return a client that sends *headers* with each request."""
    return httpx2.Client(base_url=nginx.url, headers=headers or {}, timeout=30, **PLAIN, **options)


def wait_for(text: str, log: Path) -> None:
    """Return when *log* holds *text*: a line is written after the answer that it tells of."""
    deadline = time.monotonic() + 60
    while text not in log.read_text():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.01)
