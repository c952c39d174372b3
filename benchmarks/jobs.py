"""Measures how many jobs can be claimed and finished: ``python -m benchmarks.jobs``.

Each recording has one step that does nothing: a job is claimed, and ended with the step, its finding, the call and its
event in one transaction, as a worker does it, by eight at once in one process. SQLite (``synchronous`` FULL) and
PostgreSQL (``fsync`` on) take turns. Whole workers, with audio and processes of their own, are measured by
``benchmarks.fleet``.
"""

import argparse
import asyncio
import json
import os
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from benchmarks.accepting import new_acceptance
from benchmarks.processes import conditions, cpu_seconds, median, memory_mb
from calls_adapters.snowball import SnowballStemmer
from calls_adapters.sql import Database, SqlCallRepository, SqlHolds, SqlJobQueue
from calls_adapters.sql.migrate import migrate
from calls_core.findings import Facts
from calls_core.ports import Acceptance
from calls_core.recording import Step
from calls_core.use_cases.process_recording import ended
from tests.servers.postgres import PostgresServer

STEP: Final = "nothing"
FOUND: Final = Facts(values={"nothing": True})
LEASE: Final = timedelta(minutes=1)
TARGETS: Final = {"postgres": 300, "sqlite": 100}
"""Jobs per second, at least."""


@dataclass
class Queue:
    url: str
    server: int | None
    per_second: list[float] = field(default_factory=list)
    accepted_per_second: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    server_cpu_ms: list[float] = field(default_factory=list)

    def used(self) -> tuple[float, float]:
        """Return the processor time of this process, and of the database's."""
        return sum(os.times()[:2]), cpu_seconds([self.server]) if self.server else 0.0

    def figures(self) -> dict[str, float]:
        return {
            "claimed_and_finished_per_second": median(self.per_second, 0),
            "accepted_per_second": median(self.accepted_per_second, 0),
            "cpu_ms": median(self.cpu_ms),
            "database_cpu_ms": median(self.server_cpu_ms),
        }


async def turn(queue: Queue, count: int, workers: int) -> None:
    """Accept *count* recordings, then let all *workers* claim and finish until there is nothing left."""
    database = Database(queue.url)
    calls, holds, jobs = SqlCallRepository(database), SqlHolds(database), SqlJobQueue(database, SnowballStemmer())
    known: dict[Any, Acceptance] = {}

    async def work(name: str) -> None:
        while claim := await jobs.claim(name, LEASE):
            made, now = known[claim.job.id], datetime.now(UTC)
            recording = made.recording.begin(STEP, now).complete(STEP, FOUND, now)
            call = made.call.finish_processing(recording, now)
            await jobs.finish(claim, call, recording, [ended(call, uuid4)], fresh=[STEP])

    began = time.perf_counter()
    for _ in range(count):
        made = new_acceptance(1, Step(analyzer=STEP, version="1"), due_since=LEASE)
        await holds.hold(made.held_key, LEASE)
        await calls.ingest(made)
        known[made.job.id] = made
    accepted, before = time.perf_counter(), queue.used()
    await asyncio.gather(*(work(f"w{number}") for number in range(workers)))
    finished, after = time.perf_counter(), queue.used()
    await database.close()
    queue.accepted_per_second.append(count / (accepted - began))
    queue.per_second.append(count / (finished - accepted))
    own, servers = (1000 * (b - a) / count for a, b in zip(before, after, strict=True))
    queue.cpu_ms.append(own)
    queue.server_cpu_ms.append(servers)


async def compare(queues: dict[str, Queue], options: argparse.Namespace) -> dict[str, dict[str, float]]:
    for queue in queues.values():
        await migrate(queue.url)
        await turn(Queue(queue.url, None), options.workers, options.workers)
    for _ in range(options.rounds):
        for queue in queues.values():
            await turn(queue, options.jobs, options.workers)
    return {name: queue.figures() | {"target": TARGETS[name]} for name, queue in queues.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=1000, help="how many in one turn")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=8, help="how many claim at once")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        postgres = stack.enter_context(PostgresServer(durable=True))
        queues = {
            "postgres": Queue(postgres.create_database(), postgres.pid),
            "sqlite": Queue(f"sqlite:///{folder}/calls.db", None),
        }
        found = asyncio.run(compare(queues, options))
    memory = round(memory_mb(os.getpid(), "VmHWM"))
    print(f"{'':10}{'per second':>12}{'target':>8}{'CPU ms':>9}{'database ms':>13}   peak {memory} MB")
    for name, row in found.items():
        figures = f"{row['claimed_and_finished_per_second']:12.0f}{row['target']:8}"
        print(f"{name:10}{figures}{row['cpu_ms']:9.2f}{row['database_cpu_ms']:13.2f}")
    if options.json:
        about = {"jobs": options.jobs, "workers": options.workers, "peak_mb": memory}
        options.json.write_text(json.dumps({**conditions(), **about, "queues": found}, indent=2) + "\n")


if __name__ == "__main__":
    main()
