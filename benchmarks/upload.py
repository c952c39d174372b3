"""Measures uploads beside FastAPI's ``UploadFile`` and what the machine can do: ``python -m benchmarks.upload``.

That is a pipe of shell tools, which reads, writes and hashes, and the disk alone, a copy by ``dd``, synced. Each case
is a server process of its own and a client that does nothing but ``sendfile``; cases take turns, and medians are shown.
Processor time is that of the server alone (user and system), memory its peak above what it had at rest.
"""

import argparse
import hashlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.processes import conditions, cpu_seconds, forget_peak, memory_mb, running
from tests.servers.ports import free_port

MEGA: Final = 1_000_000
# As long as those of curl and browsers: the shorter one is, the longer takes the search for it, here and in the peer.
BOUNDARY: Final = "------------------------4V0tzNjVhV5tDFmOC2pkvT"
CALL: Final = {"caller": "+7900", "receiver": "101", "started_at": "2026-01-01T00:00:00Z"}
CLIENTS: Final = 8


@dataclass
class Sample:
    megabytes_per_sec: float
    cpu_sec_per_gigabyte: float = 0.0
    memory_mb: float = 0.0


@dataclass
class Server:
    """A running server process."""

    port: int
    process: int
    target: Callable[["Server"], tuple[str, str, bytes, bytes]]
    probe: str

    def request(self, head: str, before: bytes = b"", path: Path | None = None, after: bytes = b"") -> tuple[int, Any]:
        """Send one request and return its status and JSON."""
        length = len(before) + (path.stat().st_size if path else 0) + len(after)
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            text = f"{head}\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
            connection.sendall(text.encode() + before)
            if path is not None:
                with path.open("rb") as file:
                    connection.sendfile(file)
            connection.sendall(after)
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        top, _, body = answer.partition(b"\r\n\r\n")
        return int(top.split()[1]), json.loads(body)

    def upload(self, path: Path, sha256: str) -> None:
        line, kind, before, after = self.target(self)
        status, body = self.request(f"{line} HTTP/1.1\r\nContent-Type: {kind}", before, path, after)
        if status not in {200, 202} or body["sha256"] != sha256:
            raise RuntimeError(f"{line}: {status} {body}")


def form_parts() -> tuple[str, bytes, bytes]:
    disposition = 'Content-Disposition: form-data; name="file"; filename="a.wav"'
    before = f"--{BOUNDARY}\r\n{disposition}\r\nContent-Type: audio/wav\r\n\r\n".encode()
    return f"multipart/form-data; boundary={BOUNDARY}", before, f"\r\n--{BOUNDARY}--\r\n".encode()


def new_call(server: Server) -> str:
    status, call = server.request("POST /calls HTTP/1.1\r\nContent-Type: application/json", json.dumps(CALL).encode())
    if status != 201:
        raise RuntimeError(f"POST /calls: {status} {call}")
    return str(call["id"])


def to_calls_form(server: Server) -> tuple[str, str, bytes, bytes]:
    return f"POST /calls/{new_call(server)}/recording", *form_parts()


def to_calls_put(server: Server) -> tuple[str, str, bytes, bytes]:
    return f"PUT /calls/{new_call(server)}/recording?filename=a.wav", "audio/wav", b"", b""


def to_peer(_server: Server) -> tuple[str, str, bytes, bytes]:
    return "POST /upload", *form_parts()


@contextmanager
def serving(name: str, folder: Path) -> Iterator[Server]:
    """Start the server of one case; its files are in *folder*."""
    folder.mkdir()
    port = free_port()
    if name == "peer":
        command, probe = ["-m", "benchmarks.upload_peer", str(port), str(folder)], "/hello"
    else:
        command, probe = ["-m", "calls_app", "serve", "--no-worker", "--port", str(port)], "/health/live"
    variables = {
        "DATABASE_URL": f"sqlite:///{folder / 'calls.db'}",
        "RECORDINGS_DIR": str(folder / "recordings"),
        "MAX_UPLOAD_BYTES": str(2**33),
        "LOG_LEVEL": "ERROR",
    }
    target = {"peer": to_peer, "calls, form": to_calls_form, "calls, PUT": to_calls_put}[name]
    with running(command, folder, port, **variables) as process:
        yield Server(port, process, target, probe)


def measure(server: Server, path: Path, sha256: str) -> Sample:
    gigabytes = path.stat().st_size / 1e9
    forget_peak(server.process)
    memory, used, began = memory_mb(server.process), cpu_seconds([server.process]), time.perf_counter()
    server.upload(path, sha256)
    seconds = time.perf_counter() - began
    used = cpu_seconds([server.process]) - used
    return Sample(gigabytes * 1000 / seconds, used / gigabytes, memory_mb(server.process, "VmHWM") - memory)


LIMITS: Final = {
    "pipe": "cat '{path}' | tee '{copy}' | openssl sha256",
    "disk": "dd if='{path}' of='{copy}' bs=1M conv=fsync status=none",
}
"""What the machine can do: read, write and hash, one program each; and write, durably."""


def measure_limit(command: str, path: Path, folder: Path) -> Sample:
    copy, gigabytes = folder / "copy", path.stat().st_size / 1e9
    used, began = children_cpu_sec(), time.perf_counter()
    subprocess.run(command.format(path=path, copy=copy), shell=True, check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - began
    copy.unlink()
    return Sample(gigabytes * 1000 / seconds, (children_cpu_sec() - used) / gigabytes)


def children_cpu_sec() -> float:
    """Return the processor time of the children that have ended, and of theirs."""
    return sum(os.times()[2:4])


def measure_stall(server: Server, path: Path, sha256: str) -> tuple[float, float, float, float]:
    """Return the median and the longest wait for a small GET (ms) while uploads run, their MB/s, and memory (MB)."""
    forget_peak(server.process)
    memory = memory_mb(server.process)
    threads = [threading.Thread(target=server.upload, args=(path, sha256)) for _ in range(CLIENTS)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    waits = []
    while any(thread.is_alive() for thread in threads):
        asked = time.perf_counter()
        server.request(f"GET {server.probe} HTTP/1.1")
        waits.append((time.perf_counter() - asked) * 1000)
        time.sleep(0.002)
    speed = CLIENTS * path.stat().st_size / 1e6 / (time.perf_counter() - began)
    return statistics.median(waits), max(waits), speed, memory_mb(server.process, "VmHWM") - memory


def make_file(folder: Path, size: int) -> tuple[Path, str]:
    path, digest, block = folder / f"{size}.wav", hashlib.sha256(), os.urandom(2**20)
    with path.open("wb") as file:
        for start in range(0, size, len(block)):
            part = block[: size - start]
            file.write(part)
            digest.update(part)
    return path, digest.hexdigest()


def clear(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file() and path.stat().st_size > MEGA and path.suffix not in {".db", ".db-wal"}:
            path.unlink()
    os.sync()


def compare(sizes: Sequence[int], rounds: int, folder: Path, stall_size: int) -> dict[str, Any]:
    """Compare all cases; return for each size, and for ``stall``, their figures by name."""
    results: dict[str, Any] = {}
    names = ["calls, form", "calls, PUT", "peer"]
    with ExitStack() as stack:
        servers = {name: stack.enter_context(serving(name, folder / name.replace(", ", "-"))) for name in names}
        for size in sizes:
            path, sha256 = make_file(folder, size)
            limits: dict[str, list[Sample]] = {name: [] for name in LIMITS}
            samples: dict[str, list[Sample]] = {name: [] for name in names}
            for number in range(rounds + 1):  # the first round only warms up
                for name, command in LIMITS.items():
                    found = measure_limit(command, path, folder)
                    limits[name] += [found] if number else []
                for name, server in servers.items():
                    found = measure(server, path, sha256)
                    samples[name] += [found] if number else []
                    for each in names:
                        clear(folder / each.replace(", ", "-"))
            results[f"{size // 2**20} MiB"] = report(size, limits, samples)
            path.unlink()
        path, sha256 = make_file(folder, stall_size)
        stalls: dict[str, list[tuple[float, float, float, float]]] = {name: [] for name in names}
        print(f"\n{CLIENTS} uploads of {stall_size // 2**20} MiB at once, and a small GET again and again")
        print(f"{'':14}{'median ms':>10}{'longest ms':>12}{'MB/s':>8}{'memory MB':>11}")
        for name in names * rounds:
            stalls[name].append(measure_stall(servers[name], path, sha256))
            median, longest, speed, memory = stalls[name][-1]
            print(f"{name:14}{median:10.1f}{longest:12.1f}{speed:8.0f}{memory:11.1f}", flush=True)
            clear(folder / name.replace(", ", "-"))
    results["stall"] = {
        name: {
            "median_ms": round(statistics.median(run[0] for run in runs), 1),
            "longest_ms": round(statistics.median(run[1] for run in runs), 1),
            "mb_per_sec": round(statistics.median(run[2] for run in runs)),
            "memory_mb": round(max(run[3] for run in runs), 1),
        }
        for name, runs in stalls.items()
    }
    return results


def report(
    size: int, limits: Mapping[str, Sequence[Sample]], samples: Mapping[str, Sequence[Sample]]
) -> dict[str, dict[str, float]]:
    figures = {name: medians(found) for name, found in {**limits, **samples}.items()}
    peer, pipe, disk = (figures[name] for name in ("peer", "pipe", "disk"))
    print(f"\n{size / 2**20:.0f} MiB, median of {len(limits['pipe'])}")
    print(
        f"{'':14}{'MB/s':>6}{'of disk':>9}{'of pipe':>9}{'of peer':>9}{'CPU s/GB':>10}{'of peer':>9}{'memory MB':>11}"
    )
    for name, row in figures.items():
        row["of_peer"] = round(row["mb_per_sec"] / peer["mb_per_sec"], 3)
        row["cpu_of_peer"] = round(row["cpu_sec_per_gb"] / peer["cpu_sec_per_gb"], 3)
        of_disk, of_pipe = (row["mb_per_sec"] / limit["mb_per_sec"] for limit in (disk, pipe))
        print(
            f"{name:14}{row['mb_per_sec']:6.0f}{of_disk:9.2f}{of_pipe:9.2f}{row['of_peer']:9.2f}"
            f"{row['cpu_sec_per_gb']:10.2f}{row['cpu_of_peer']:9.2f}{row['memory_mb']:11.1f}",
            flush=True,
        )
    return figures


def medians(found: Sequence[Sample]) -> dict[str, float]:
    return {
        "mb_per_sec": round(statistics.median(sample.megabytes_per_sec for sample in found)),
        "cpu_sec_per_gb": round(statistics.median(sample.cpu_sec_per_gigabyte for sample in found), 2),
        "memory_mb": round(max(sample.memory_mb for sample in found), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 1024], help="MiB per upload")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--stall-size", type=int, default=64, help="MiB of each of the uploads at once")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--folder", type=Path, help="where files go; by default a temporary folder")
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="calls-upload-"))
    try:
        sizes = [size * 2**20 for size in options.sizes]
        results = compare(sizes, options.rounds, folder, options.stall_size * 2**20)
    finally:
        if options.folder is None:
            shutil.rmtree(folder)
    if options.json:
        options.json.write_text(json.dumps({**conditions(), **results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
