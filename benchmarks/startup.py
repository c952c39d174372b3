"""Measures start-up and memory at rest beside the peer of ``benchmarks.api``: ``python -m benchmarks.startup``.

Start-up runs from the start of the process to its first answer, on a database that was migrated before. ``import`` is
the processor time of Python with the modules of the server and nothing else, without that of Python's own start.
Memory is resident, of the process and its children, a while after the last request. Turns alternate; medians.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Final

from benchmarks.processes import conditions, cpu_seconds, family_memory_mb, median, running
from calls_adapters.sql.migrate import migrate
from tests.servers.ports import free_port

IMPORTS: Final = {
    "calls": "import calls_app.server, calls_app.container",
    "peer": "import benchmarks.api_peer",
    "python": "pass",
}


def import_seconds(code: str) -> float:
    """Return the processor time of an interpreter that runs *code*."""
    process = subprocess.Popen([sys.executable, "-W", "ignore", "-c", code])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{code} failed")
    return usage.ru_utime + usage.ru_stime


def start(name: str, folder: Path, rest: float) -> dict[str, float]:
    """Start one server, ask it once, and let it rest."""
    port, database = free_port(), folder / "calls.db"
    command, path = {
        "calls": (["-m", "calls_app", "serve", "--port", str(port)], "/health/live"),
        "calls, API only": (["-m", "calls_app", "serve", "--no-worker", "--port", str(port)], "/health/live"),
        "peer": (["-m", "benchmarks.api_peer", str(port), f"sqlite+aiosqlite:///{database}"], "/calls"),
    }[name]
    variables = {"DATABASE_URL": f"sqlite:///{database}", "RECORDINGS_DIR": str(folder / "recordings")}
    began = time.perf_counter()
    with running(command, folder, port, LOG_LEVEL="WARNING", **variables) as process:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
            answer.read()
        seconds, cpu = time.perf_counter() - began, cpu_seconds([process])
        time.sleep(rest)
        used = cpu_seconds([process])
        time.sleep(rest)
        return {
            "seconds": seconds,
            "cpu_seconds": cpu,
            "memory_mb": family_memory_mb(process),
            "idle_cpu_percent": (cpu_seconds([process]) - used) / rest * 100,
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rest", type=float, default=1.0, help="seconds of rest, twice")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args()
    names = ["calls", "calls, API only", "peer"]
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    imports: dict[str, list[float]] = {name: [] for name in IMPORTS}
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        asyncio.run(migrate(f"sqlite:///{folder / 'calls.db'}"))
        for number in range(options.rounds + 1):  # the first compiles
            for name, code in IMPORTS.items():
                imports[name] += [import_seconds(code)] if number else []
            for name in names:
                found = start(name, folder, options.rest if number else 0.1)
                runs[name] += [found] if number else []
    bare = median(imports["python"])
    results: dict[str, dict[str, Any]] = {
        name: {key: median([run[key] for run in found], 2) for key in found[0]} for name, found in runs.items()
    }
    for name in ("calls", "peer"):
        results[name]["import_cpu_seconds"] = round(median(imports[name]) - bare, 2)
    peer = results["peer"]
    for name in ("calls", "calls, API only"):
        results[name]["of_peer"] = {
            key: round(value / peer[key], 2) for key, value in results[name].items() if peer[key]
        }
    print(f"load {conditions()['load']}")
    for name, row in results.items():
        print(f"{name:18}{row}")
    if options.json:
        options.json.write_text(json.dumps({**conditions(), "servers": results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
