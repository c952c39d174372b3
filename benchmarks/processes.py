"""What processes cost: processor time and memory, read from /proc, and how busy the machine was meanwhile."""

import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

START_LIMIT_SEC = 60.0


def cpu_seconds(processes: Sequence[int]) -> float:
    """Return user and system time of *processes* and of their children, living and ended."""
    ticks = 0
    for pid in family(processes):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        ticks += sum(int(field) for field in fields[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def family(processes: Sequence[int]) -> Iterator[int]:
    for pid in processes:
        yield pid
        try:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        yield from family([int(child) for child in children])


def parent(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


def memory_mb(process: int, what: str = "VmRSS") -> float:
    """Return the resident memory of one process, or with ``VmHWM`` its peak; 0 of one that has ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return next((int(line.split()[1]) for line in lines if line.startswith(what)), 0) / 1000


def forget_peak(process: int | str = "self") -> None:
    """Let the peak of a process (``VmHWM``) begin at what it has now."""
    Path(f"/proc/{process}/clear_refs").write_text("5")


def family_memory_mb(process: int) -> float:
    return sum(memory_mb(pid) for pid in family([process]))


def conditions() -> dict[str, Any]:
    """Return what a figure cannot be read without."""
    return {
        "python": sys.version.split()[0],
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def median(values: Sequence[float], digits: int = 3) -> float:
    return round(statistics.median(values), digits)


@contextmanager
def running(command: Sequence[str], folder: Path, port: int, **variables: str) -> Iterator[int]:
    """Run a server until the block ends, and give its process id once it listens on *port*."""
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen([sys.executable, *command], env=environment(**variables), stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + START_LIMIT_SEC
        while not listens(port):
            assert process.poll() is None, "it ended"
            assert time.monotonic() < deadline, "it took too long"
            time.sleep(0.005)
        yield process.pid
    except BaseException:
        print((folder / "log").read_text()[-3000:], file=sys.stderr)
        raise
    finally:
        process.terminate()
        process.wait(START_LIMIT_SEC)


def environment(**variables: str) -> dict[str, str]:
    """Return that of this process, in which Python may keep what it compiles: users' servers do, and each of many
    short processes would compile all again."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | variables


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
