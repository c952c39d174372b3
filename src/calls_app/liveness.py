"""Which workers of this machine are dead: what they held need not wait for its lease to end."""

import os
import socket
from pathlib import Path

from calls_app.settings import Settings
from calls_core.ports import WorkerIsDead


def worker_name() -> str:
    """Return a name that no other process has, nor will have: host, process id, and the moment it started."""
    return f"{socket.gethostname()}:{os.getpid()}:{_started(os.getpid())}"


def liveness(settings: Settings) -> WorkerIsDead:
    """Return how to tell a dead worker by its name.

    With the embedded database all workers share this machine, so their processes can be looked for. Elsewhere nobody
    is called dead: leases end by themselves.
    """
    return _is_dead_here if settings.is_embedded else _is_never_known_dead


def _is_never_known_dead(_worker: str) -> bool:
    return False


def _is_dead_here(worker: str) -> bool:
    host, _, process = worker.partition("/")[0].partition(":")
    number, _, started = process.partition(":")
    if host != socket.gethostname() or not number.isdigit() or not started:
        return False
    return _started(int(number)) != started


def _started(process: int) -> str:
    """Return when *process* started, in ticks since the boot, or that it is gone; nothing where /proc does not tell."""
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return "gone" if Path("/proc/self/stat").exists() else ""
    return status.rpartition(")")[2].split()[19]
