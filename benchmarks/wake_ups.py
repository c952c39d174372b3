"""Measures wake-ups beside Celery, both on one Redis: ``python -m benchmarks.wake_ups``.

Each is one worker process (Celery with one child, as it comes) whose task does nothing but note the time. Workers are
frozen while ``--tasks`` messages are sent, and thawed; time runs to the last. Then single messages are sent to idle
workers: how long until each is taken. Turns alternate. What a whole job costs, row and lease and all, is the business
of ``benchmarks.fleet``.
"""

import argparse
import asyncio
import json
import os
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from celery import Celery  # type: ignore[import-untyped]

from benchmarks.processes import conditions, cpu_seconds, family_memory_mb, median
from calls_adapters.taskiq.broker import KEPT
from calls_adapters.taskiq.wake_ups import heard, make_broker
from calls_core.job import JobId
from tests.servers.redis import RedisServer

NOTES: Final = "BENCHMARK_NOTES"
URL: Final = "BENCHMARK_REDIS"
NOTE: Final = struct.Struct("d")
LIMIT_SEC: Final = 60.0

app = Celery("benchmarks", broker=os.environ.get(URL, "redis://"))
app.conf.update(task_ignore_result=True, broker_connection_retry_on_startup=True)


def note() -> None:
    """Append the present moment to the file that this worker was given; one small write, not torn."""
    file = os.open(os.environ[NOTES], os.O_WRONLY | os.O_APPEND)
    os.write(file, NOTE.pack(time.monotonic()))
    os.close(file)


@app.task(name="nothing")
def nothing() -> None:
    note()


async def listen() -> None:
    """Do what a worker of ours does with a wake-up, up to the point where it looks for the job."""
    async for _ in heard(make_broker(os.environ[URL])):
        note()


@dataclass
class Worker:
    process: int
    notes: Path
    send: Callable[[int], Awaitable[None]]
    rates: list[float] = field(default_factory=list)
    drained: int = 0
    used_sec: float = 0.0
    waits_ms: list[float] = field(default_factory=list)

    async def noted(self, count: int) -> list[float]:
        deadline = time.monotonic() + LIMIT_SEC
        while (size := self.notes.stat().st_size) < count * NOTE.size:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{size // NOTE.size} of {count} messages came")
            await asyncio.sleep(0.002)
        return [moment for (moment,) in NOTE.iter_unpack(self.notes.read_bytes())]

    async def drain(self, tasks: int) -> None:
        self.notes.write_bytes(b"")
        os.killpg(self.process, signal.SIGSTOP)
        await self.send(tasks)
        used = cpu_seconds([self.process])
        began = time.monotonic()
        os.killpg(self.process, signal.SIGCONT)
        moments = await self.noted(tasks)
        self.rates.append(tasks / (moments[-1] - began))
        # Added up over all turns: processes are timed in hundredths of a second, of which one turn may take three.
        self.used_sec += cpu_seconds([self.process]) - used
        self.drained += tasks

    async def wake(self, times: int) -> None:
        for _ in range(times):
            self.notes.write_bytes(b"")
            await asyncio.sleep(0.01)
            began = time.monotonic()
            await self.send(1)
            self.waits_ms.append(((await self.noted(1))[0] - began) * 1000)

    def figures(self) -> dict[str, float]:
        return {
            "per_second": median(self.rates, 0),
            "cpu_ms": round(self.used_sec * 1000 / self.drained, 3),
            "p50_ms": median(self.waits_ms, 2),
            "memory_mb": round(family_memory_mb(self.process)),
        }


@contextmanager
def working(command: list[str], notes: Path, url: str) -> Iterator[int]:
    environment = os.environ | {NOTES: str(notes), URL: url}
    with (notes.parent / "log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, *command], env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield process.pid
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


async def compare(url: str, folder: Path, options: argparse.Namespace) -> dict[str, dict[str, float]]:
    broker = make_broker(url)

    async def ours(count: int) -> None:
        for _ in range(count):
            await broker.send(JobId(uuid4()))

    async def celerys(count: int) -> None:
        for _ in range(count):
            nothing.delay()

    app.conf.broker_url = url
    commands = {
        "calls": (["-m", "benchmarks.wake_ups", "--listen"], ours),
        "celery": (["-m", "celery", "-A", "benchmarks.wake_ups", "worker", "-c", "1", "-l", "warning"], celerys),
    }
    with ExitStack() as stack:
        workers = {}
        for name, (command, send) in commands.items():
            notes = folder / name
            notes.touch()
            worker = Worker(stack.enter_context(working(command, notes, url)), notes, send)
            await send(1)  # whoever has taken it, is ready
            await worker.noted(1)
            await worker.drain(options.tasks)
            workers[name] = Worker(worker.process, notes, send)
        for _ in range(options.rounds):
            for worker in workers.values():
                await worker.drain(options.tasks)
                await worker.wake(options.waits)
        await broker.close()
        return {name: worker.figures() for name, worker in workers.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=900, help=f"how many in one turn, less than {KEPT}")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--waits", type=int, default=40, help="how many single messages in one turn")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--listen", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.listen:
        asyncio.run(listen())
        return
    with RedisServer() as redis, tempfile.TemporaryDirectory() as folder:
        results: dict[str, Any] = asyncio.run(compare(redis.url, Path(folder), options))
    print(f"{'':10}{'per second':>12}{'CPU ms':>9}{'p50 ms':>9}{'memory MB':>11}   load {conditions()['load']}")
    for name, row in results.items():
        print(f"{name:10}{row['per_second']:12.0f}{row['cpu_ms']:9.3f}{row['p50_ms']:9.2f}{row['memory_mb']:11.0f}")
    if options.json:
        ratios = {key: round(value / results["celery"][key], 3) for key, value in results["calls"].items()}
        figures = {**conditions(), "tasks": options.tasks, **results, "of_celery": ratios}
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
