"""The service as users start it: a process of its own, talked to over HTTP, killed at will."""

from pathlib import Path
from typing import Any, Final

import httpx2

from tests.servers.ports import free_port
from tests.servers.process import CallsProcess, ServiceDied

__all__ = ["PLAIN", "Service", "ServiceDied"]

# Reading the machine's certificates takes longer than most requests, and nobody here speaks TLS.
PLAIN: Final[dict[str, Any]] = {"trust_env": False, "verify": False}


class Service(CallsProcess):
    """``calls serve`` over one folder and one database; *worker* is whether it processes recordings too. *port* 0
    takes a free one. *measured* is as for ``CallsProcess``.
    """

    def __init__(
        self,
        folder: Path,
        database_url: str | None = None,
        *,
        worker: bool = True,
        log: str = "service.log",
        port: int = 0,
        measured: bool = False,
        **variables: str,
    ) -> None:
        self.recordings = folder / "recordings"
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        super().__init__(
            folder,
            log,
            ("serve", "--worker" if worker else "--no-worker", "--port", str(self.port)),
            {
                "DATABASE_URL": database_url or f"sqlite:///{folder / 'calls.db'}",
                "RECORDINGS_DIR": str(self.recordings),
                **variables,
            },
            measured=measured,
        )

    def _is_ready(self) -> bool:
        try:
            return httpx2.get(f"{self.url}/health/ready", timeout=5, **PLAIN).is_success
        except httpx2.TransportError:
            return False

    def client(self, **options: Any) -> httpx2.Client:
        return httpx2.Client(base_url=self.url, timeout=30, **PLAIN, **options)

    def files(self) -> set[str]:
        """Return every file below the recordings folder, by its path within it."""
        return {str(path.relative_to(self.recordings)) for path in self.recordings.rglob("*") if path.is_file()}
