"""Profiles what people wait for, and keeps the evidence: ``python -m benchmarks.profiles``.

Each hot path has a server of its own, at which py-spy looks a thousand times a second. A text file keeps the shares of
packages and of functions in the time that its threads were running, each in itself: what a function calls counts for
what is called. py-spy must be allowed to read other processes (in a container: SYS_PTRACE).
"""

import argparse
import asyncio
import random
import re
import signal
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Final

import httpx2

from benchmarks.api import ask, cases
from benchmarks.filled import filled
from benchmarks.processes import running
from tests.servers.ports import free_port

KEPT: Final = Path("docs/explanation/profiles")
LOOKS_PER_SECOND: Final = "1000"
CALLS: Final = 10_000
BLOCK: Final = bytes(1 << 20)
BLOCKS: Final = 1024
PATHS: Final = {
    "post-call": "POST /calls",
    "post-call-with-key": "POST /calls with an Idempotency-Key",
    "get-call": "GET /calls/{id}",
    "list-calls": "GET /calls, first page",
    "upload": None,
}
"""What is profiled, and the case of ``benchmarks.api`` that is asked for."""


def profiled(path: str, database: str, folder: Path, requests: int) -> Counter[tuple[str, str]]:
    """Ask a service for *path* again and again, and return how often which function of which file was seen at work."""
    port, seen = free_port(), folder / "seen"
    given = {"DATABASE_URL": database, "RECORDINGS_DIR": str(folder / "recordings"), "LOG_LEVEL": "WARNING"}
    server = ("-m", "calls_app", "serve", "--no-worker", "--port", str(port))
    case = PATHS[path]
    work = partial(uploaded, port) if case is None else partial(asked, case, port, requests)
    with running(server, folder, port, **given) as process:
        work()  # the first requests compile statements and open connections
        watched(process, seen, work)
    functions: Counter[tuple[str, str]] = Counter()
    for where, times in innermost(seen.read_text()):
        functions[where] += times
    return functions


def watched(process: int, seen: Path, work: Callable[[], None]) -> None:
    """Let py-spy look at *process* while *work* is done, and write the stacks that it has seen."""
    command = ["py-spy", "record", "--format", "raw", "--function", "--rate", LOOKS_PER_SECOND, "--output", str(seen)]
    with subprocess.Popen([*command, "--pid", str(process)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as spy:
        work()
        spy.send_signal(signal.SIGINT)
        said, _ = spy.communicate(timeout=60)
    if not seen.exists():
        raise RuntimeError(said.decode())


def innermost(stacks: str) -> Iterator[tuple[tuple[str, str], int]]:
    """Yield the last function of each stack, as ``f (a.py:1);g (b.py:2) 17`` tells them."""
    for line in stacks.splitlines():
        stack, _, times = line.rpartition(" ")
        found = re.fullmatch(r"(.*) \((.*?)(?::\d+)?\)", stack.rpartition(";")[2])
        if found:
            yield (found[2], found[1]), int(times)


def asked(name: str, port: int, requests: int) -> None:
    [case] = [case for case in cases(CALLS) if case.name == name]
    chance = random.Random(0)
    asyncio.run(ask(port, (case.requests(chance) for _ in range(max(1, int(requests * case.share))))))


def uploaded(port: int) -> None:
    call = {"caller": "+7900", "receiver": "101", "started_at": "2026-01-01T00:00:00Z"}
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=600) as client:
        url = f"/calls/{client.post('/calls', json=call).json()['id']}/recording?filename=noise.wav"
        client.put(url, content=(BLOCK for _ in range(BLOCKS))).raise_for_status()


def table(path: str, functions: Counter[tuple[str, str]]) -> str:
    packages: Counter[str] = Counter()
    for (file, _), times in functions.items():
        packages[file.partition("/")[0]] += times
    whole = functions.total() or 1
    lines = [f"{path}: shares of {whole} looks at a thread that was running", "", "packages"]
    lines += [f"{times / whole:7.1%}  {name}" for name, times in packages.most_common(20)]
    lines += ["", "functions"]
    lines += [f"{times / whole:7.1%}  {file}: {name}" for (file, name), times in functions.most_common(40)]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PATHS, default=list(PATHS))
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--folder", type=Path, default=KEPT, help="where the tables go")
    options = parser.parse_args()
    options.folder.mkdir(exist_ok=True, parents=True)
    with ExitStack() as stack:
        database = stack.enter_context(filled(CALLS)).url
        for path in options.only:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            file = options.folder / f"{path}.txt"
            file.write_text(table(path, profiled(path, database, folder, options.requests)))
            print(file)


if __name__ == "__main__":
    main()
