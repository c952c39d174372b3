"""Measures how a fleet of workers drains a backlog from PostgreSQL: ``python -m benchmarks.fleet``.

Two analyzers of the benchmark's own stand for what steps do: ``nothing`` returns at once, so that only our own work per
recording is left; ``waiting`` waits as long as ``--wait`` says, as one for an AI service does. Workers are processes of
``calls worker``, each with ``--concurrency`` slots. Time runs from the first recording that is ready to the last.
Processor time is user and system time of all workers, and of all PostgreSQL's processes, by recording.
"""

import argparse
import asyncio
import json
import os
import tempfile
import time
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from benchmarks.accepting import new_acceptance
from benchmarks.processes import conditions, cpu_seconds, memory_mb
from calls_adapters.sql import Database, SqlCallRepository, SqlHolds
from calls_adapters.sql.migrate import migrate
from calls_core.recording import Step
from tests.servers.fleet import Fleet
from tests.servers.postgres import PostgresServer

HELD: Final = timedelta(minutes=10)
AUDIO: Final = b"RIFF" + bytes(40)

PLUGIN: Final = """
import asyncio
from dataclasses import dataclass
from calls_core.findings import Facts
from calls_core.hookspecs import hookimpl

@dataclass(frozen=True)
class Waiting:
    name: str
    seconds: float
    version: str = "1"
    after: tuple[str, ...] = ()

    async def analyze(self, audio):
        await asyncio.sleep(self.seconds)
        return Facts(values={{"waited_sec": self.seconds}})

@hookimpl
def calls_analyzers():
    return [Waiting("nothing", 0.0), Waiting("waiting", {seconds})]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """One backlog, drained: rates per second, processor time in milliseconds per recording, the largest worker."""

    analyzer: str
    processes: int
    concurrency: int
    recordings: int
    per_second: float
    of_ideal: float | None
    worker_cpu_ms: float
    postgres_cpu_ms: float
    connections: int
    worker_mb: float


def install_plugin(folder: Path, seconds: float) -> None:
    """Make the analyzers known to every process that has *folder* in its PYTHONPATH."""
    (folder / "benchmark_analyzers.py").write_text(PLUGIN.format(seconds=seconds))
    facts = folder / "benchmark_analyzers-1.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: benchmark-analyzers\nVersion: 1\n")
    (facts / "entry_points.txt").write_text("[calls]\nbenchmark = benchmark_analyzers\n")


async def fill(url: str, storage: Path, analyzer: str, count: int) -> None:
    """Accept *count* recordings, as the API would, all of the bytes of the file ``audio`` in *storage*."""
    first = storage / "audio"
    database = Database(url)
    calls, holds = SqlCallRepository(database), SqlHolds(database)
    step = Step(analyzer=analyzer, version="1")
    for _ in range(count):
        accepted = new_acceptance(len(AUDIO), step)
        os.link(first, storage / accepted.held_key)
        await holds.hold(accepted.held_key, HELD)
        await calls.ingest(accepted)
    await database.close()


def in_work(server: PostgresServer, url: str) -> int:
    return int(server.execute("SELECT count(*) FROM calls WHERE status = 'processing'", url))


def drain(
    server: PostgresServer, template: str, analyzer: str, processes: int, concurrency: int, recordings: int, wait: float
) -> Drain:
    url = server.create_database(template)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        storage = folder / "recordings"
        (storage / ".unfinished").mkdir(parents=True)
        (storage / "audio").write_bytes(AUDIO)
        asyncio.run(fill(url, storage, analyzer, recordings))
        fleet = Fleet(
            folder, url, apis=0, workers=processes, measured=True,
            ANALYZERS=analyzer, WORKER_CONCURRENCY=str(concurrency),
            LOG_LEVEL="WARNING" if analyzer == "nothing" else "INFO",
        )  # fmt: skip
        connections = 0
        try:
            for worker in fleet.workers:
                worker.start(wait=False)
            while (begun := in_work(server, url)) == recordings:
                time.sleep(0.02)
            workers = [worker.process.pid for worker in fleet.workers if worker.process]
            database_cpu, worker_cpu = cpu_seconds([server.pid]), cpu_seconds(workers)
            while in_work(server, url):
                connections = max(connections, int(server.execute(CONNECTIONS.format(url.rpartition("/")[2]))))
                time.sleep(0.25)
            database_cpu = cpu_seconds([server.pid]) - database_cpu
            worker_cpu = cpu_seconds(workers) - worker_cpu
            largest = max(memory_mb(worker, "VmHWM") for worker in workers)
            failed = int(server.execute("SELECT count(*) FROM calls WHERE status <> 'ready'", url))
            if failed:
                raise RuntimeError(f"{failed} recordings are not ready:\n{fleet.logs()[-2000:]}")
        finally:
            fleet.stop()
        seconds = float(server.execute("SELECT extract(epoch FROM max(updated_at) - min(updated_at)) FROM calls", url))
    server.drop_database(url)
    per_second = (recordings - 1) / seconds
    ideal = processes * concurrency / wait if analyzer == "waiting" else None
    return Drain(
        analyzer=analyzer,
        processes=processes,
        concurrency=concurrency,
        recordings=recordings,
        per_second=round(per_second, 1),
        of_ideal=round(per_second / ideal, 2) if ideal else None,
        worker_cpu_ms=round(worker_cpu * 1000 / begun, 2),
        postgres_cpu_ms=round(database_cpu * 1000 / begun, 2),
        connections=connections,
        worker_mb=round(largest),
    )


CONNECTIONS: Final = "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND application_name <> 'psql'"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--concurrency", type=int, default=8, help="slots of each worker")
    parser.add_argument("--wait", type=float, default=0.5, help="seconds that the analyzer `waiting` waits")
    parser.add_argument("--seconds", type=float, default=8, help="how long a drain shall take, about")
    parser.add_argument("--nothing", type=int, default=1500, help="recordings for the analyzer `nothing`")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args()
    results: list[Drain] = []
    print(f"{'analyzer':<10}{'processes':>10}{'slots':>7}{'per second':>12}{'of ideal':>10}"
          f"{'worker ms':>11}{'postgres ms':>13}{'connections':>13}")  # fmt: skip
    with PostgresServer(durable=True) as server, tempfile.TemporaryDirectory() as plugin:
        install_plugin(Path(plugin), options.wait)
        os.environ["PYTHONPATH"] = os.pathsep.join([plugin, *filter(None, [os.environ.get("PYTHONPATH")])])
        template = server.create_database()
        asyncio.run(migrate(template))
        for analyzer in ("nothing", "waiting"):
            for processes in options.processes:
                rate = processes * options.concurrency / options.wait
                recordings = options.nothing if analyzer == "nothing" else int(rate * options.seconds)
                result = drain(server, template, analyzer, processes, options.concurrency, recordings, options.wait)
                results.append(result)
                print(f"{result.analyzer:<10}{result.processes:>10}{result.processes * result.concurrency:>7}"
                      f"{result.per_second:>12}{result.of_ideal or '':>10}{result.worker_cpu_ms:>11}"
                      f"{result.postgres_cpu_ms:>13}{result.connections:>13}", flush=True)  # fmt: skip
    if options.json:
        figures = {**conditions(), "wait_sec": options.wait, "drains": [asdict(r) for r in results]}
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
