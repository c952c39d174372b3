"""The fake AI service as ``calls fake-ai`` starts it."""

from pathlib import Path
from typing import Any

import httpx2

from tests.servers.ports import free_port
from tests.servers.process import CallsProcess
from tests.servers.service import PLAIN


class FakeAiService(CallsProcess):
    """A process of its own; ``stats`` tells what was asked of it and paid."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/v1"
        super().__init__(folder, "fake-ai.log", ("fake-ai", "--port", str(self.port), *arguments), {})

    def _is_ready(self) -> bool:
        return f"AI_BASE_URL={self.url}" in self.said

    @property
    def stats(self) -> dict[str, Any]:
        answer = httpx2.get(f"http://127.0.0.1:{self.port}/stats", timeout=5, **PLAIN)
        stats: dict[str, Any] = answer.raise_for_status().json()
        return stats
