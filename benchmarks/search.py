"""Measures search in databases of many calls: ``python -m benchmarks.search``.

Page and total together, as the list asks for them, and a page in the middle. The peer is the same table behind an ORM,
searched by ILIKE, paged by OFFSET; both take turns. Processor time is that of this process and of PostgreSQL.
"""

import argparse
import asyncio
import json
import math
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks.filled import filled
from benchmarks.many_calls import Peer, fill_sqlite
from benchmarks.processes import conditions, cpu_seconds, forget_peak, memory_mb
from calls_adapters.snowball import SnowballStemmer
from calls_adapters.sql import Database, SqlCallSearch
from calls_adapters.sql.migrate import migrate
from calls_core.call import CallStatus
from calls_core.search import CallFilter, Cursor, PageRequest, normalized

QUERIES: Final = {
    "2, common": "79",
    "2, letters": "ma",
    "2, none": "zz",
    "3, common": "790",
    "3, letters": "iva",
    "3, rare": "777",
    "3, none": "xyq",
    "4": "7921",
    "4, rare": "1234",
    "4, none": "qqqq",
    "6, rare": "123456",
    "8": "anna.iva",
    "8, rare": "79219991",
    "8, none": "zzzzzzzz",
}
DEEP: Final = 0.5
PEER_ROUNDS: Final = 3


@dataclass
class Spent:
    """Processor time of one side, over all its questions; with *server*, that of PostgreSQL too."""

    server: int | None
    questions: int = 0
    cpu_seconds: float = 0.0
    waits_ms: list[float] = field(default_factory=list)

    async def ask(self, work: Callable[[], Awaitable[object]], rounds: int) -> None:
        used = self._used()
        self.waits_ms += await timed(work, rounds)
        self.cpu_seconds += self._used() - used
        self.questions += rounds

    def waits(self) -> list[float]:
        """Return what this side has waited since it was asked for that."""
        waited, self.waits_ms = self.waits_ms, []
        return waited

    @property
    def cpu_ms(self) -> float:
        return round(self.cpu_seconds * 1000 / self.questions, 2)

    def _used(self) -> float:
        return time.process_time() + (cpu_seconds([self.server]) if self.server else 0)


async def timed(work: Callable[[], Awaitable[object]], rounds: int) -> list[float]:
    """Return how many milliseconds each round took."""
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        await work()
        taken.append((time.perf_counter() - began) * 1000)
    return taken


def summary(taken: Sequence[float]) -> dict[str, float]:
    ordered = sorted(taken)
    return {
        "p50_ms": round(statistics.median(ordered), 2),
        "p95_ms": round(ordered[math.ceil(len(ordered) * 0.95) - 1], 2),
    }


async def measure_search(url: str, rounds: int, server: int | None) -> dict[str, Any]:
    database, peer = Database(url), Peer(url)
    search = SqlCallSearch(database, SnowballStemmer())
    ours, theirs = Spent(server), Spent(server)
    forget_peak()
    results: dict[str, Any] = {}
    for name, query in QUERIES.items():
        wanted = CallFilter(query=normalized(query))
        page = await search.page(wanted, PageRequest())
        for _ in range(PEER_ROUNDS):
            await ours.ask(lambda wanted=wanted: search.page(wanted, PageRequest()), max(1, rounds // PEER_ROUNDS))
            await theirs.ask(lambda query=query: peer.search(query), 1)
        results[name] = {"query": query, "total": page.total, **compared(ours.waits(), theirs.waits())}
        print(f"  {name:<12}{json.dumps(results[name])}", flush=True)
    spent = {"cpu_ms": ours.cpu_ms, "peer_cpu_ms": theirs.cpu_ms}
    print(f"  processor time of a question: {ours.cpu_ms} ms, the peer's {theirs.cpu_ms} ms", flush=True)
    paging = await measure_paging(search, peer, rounds)
    await database.close()
    await peer.close()
    return {"search": results, "paging": paging, **spent, "peak_mb": round(memory_mb(os.getpid(), "VmHWM"))}


def compared(ours: Sequence[float], theirs: Sequence[float]) -> dict[str, float]:
    peer = summary(theirs)["p50_ms"]
    return {**summary(ours), "peer_p50_ms": peer, "ratio": round(statistics.median(ours) / peer, 4)}


async def measure_paging(search: SqlCallSearch, peer: Peer, rounds: int) -> dict[str, Any]:
    """Measure the plain list: its first page, and a page in its middle by cursor, by offset and by the ORM's OFFSET."""
    size = (await search.page(CallFilter(), PageRequest(limit=1, exact_count=True))).total
    offset = int(size * DEEP)
    middle = (await search.page(CallFilter(), PageRequest(limit=1, offset=offset, count=False))).items[0]
    cursor = Cursor(started_at=middle.details.started_at, id=middle.id)
    requests = {
        "first page": (CallFilter(), PageRequest()),
        "failed calls": (CallFilter(status=CallStatus.FAILED), PageRequest()),
        "one agent": (CallFilter(agent="agent7"), PageRequest()),
        "common and failed": (CallFilter(query="790", status=CallStatus.FAILED), PageRequest()),
        "middle of a search, cursor": (CallFilter(query="790"), PageRequest(cursor=cursor, count=False)),
        "middle, offset": (CallFilter(), PageRequest(offset=offset, count=False)),
    }
    results: dict[str, dict[str, float]] = {}
    for name, (wanted, request) in requests.items():
        results[name] = summary(await timed(lambda w=wanted, r=request: search.page(w, r), rounds))
    by_cursor, by_offset = [], []
    for _ in range(max(1, rounds // 5)):
        by_cursor += await timed(lambda: search.page(CallFilter(), PageRequest(cursor=cursor, count=False)), 5)
        by_offset += await timed(lambda: peer.page(offset), 1)
    results["middle, cursor"] = {"offset": offset, **compared(by_cursor, by_offset)}
    for name, row in results.items():
        print(f"  {name:<28}{json.dumps(row)}", flush=True)
    return results


async def in_sqlite(path: Path, rows: int) -> str:
    url = f"sqlite:///{path}"
    await migrate(url)
    fill_sqlite(str(path), rows)
    return url


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="how many calls")
    parser.add_argument("--rounds", type=int, default=30, help="how often each question is asked")
    parser.add_argument("--filled", help="URL of a database of so many, filled by benchmarks.filled")
    parser.add_argument("--only", choices=["sqlite", "postgres"])
    parser.add_argument("--json", type=Path, help="where to write the figures")
    arguments = parser.parse_args()
    results: dict[str, Any] = {**conditions(), "rows": arguments.rows}
    with ExitStack() as stack:
        if arguments.only != "postgres":
            path = Path(stack.enter_context(tempfile.TemporaryDirectory()), "calls.db")
            began = time.perf_counter()
            url = asyncio.run(in_sqlite(path, arguments.rows))
            print(f"SQLite, {arguments.rows:,} calls, filled in {time.perf_counter() - began:.0f} s", flush=True)
            results["sqlite"] = asyncio.run(measure_search(url, arguments.rounds, None))
        if arguments.only != "sqlite":
            began = time.perf_counter()
            database = stack.enter_context(filled(arguments.rows, arguments.filled))
            print(f"PostgreSQL, {arguments.rows:,} calls, ready in {time.perf_counter() - began:.0f} s", flush=True)
            results["postgres"] = asyncio.run(measure_search(database.url, arguments.rounds, database.server))
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
