"""The nginx of ``deploy/``, with its own configuration, in front of servers of the tests."""

import os
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Final, Self

from tests.servers.ports import free_ports
from tests.servers.program import Program, logged

CONFIGURATION: Final = Path(__file__).parents[2] / "deploy" / "nginx" / "nginx.conf"


class NoNginx(Exception):
    """nginx is nowhere to be found; the message says how to get it."""


def nginx_program() -> str:
    """Return where nginx is.

    Raises:
        NoNginx: it is not on this machine.
    """
    # Debian keeps it where only root's PATH looks.
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        raise NoNginx("there is no nginx: install Debian's package nginx-light")
    return found


class NginxServer(Program):
    """Use as a context manager. Only ports and ``upstream.conf`` differ from what is deployed."""

    def __init__(self, folder: Path, *, api: tuple[int, ...], storage: int = 9) -> None:
        super().__init__()
        self.folder = folder
        self.log = folder / "log"
        self.port, self.download_port, own_port = free_ports(3)
        self.url = f"http://127.0.0.1:{self.port}"
        self.download_url = f"http://127.0.0.1:{self.download_port}"
        text = CONFIGURATION.read_text()
        for deployed, ours in (
            ("listen 8080;", f"listen 127.0.0.1:{self.port};"),
            ("listen 9000;", f"listen 127.0.0.1:{self.download_port};"),
            ("listen 127.0.0.1:8081;", f"listen 127.0.0.1:{own_port};"),
        ):
            assert text.count(deployed) == 1
            text = text.replace(deployed, ours)
        folder.mkdir()
        (folder / "nginx.conf").write_text(text)
        servers = "".join(f"server 127.0.0.1:{port}; " for port in api)
        (folder / "upstream.conf").write_text(
            f"upstream api {{ zone api 64k; {servers} keepalive 32; keepalive_timeout 3s; }}\n"
            f"upstream minio {{ server 127.0.0.1:{storage}; }}\n"
        )

    def command(self, *options: str) -> list[str]:
        """Return how to start nginx with *options*. Root's has workers of root: others cannot see the folder."""
        everywhere = "daemon off;" + (" user root;" if os.geteuid() == 0 else "")
        return [
            nginx_program(), "-p", f"{self.folder}/", "-c", str(self.folder / "nginx.conf"),
            "-e", "stderr", "-g", everywhere, *options,
        ]  # fmt: skip

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _launched(self) -> subprocess.Popen[bytes]:
        return logged(self.command(), self.log)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0
