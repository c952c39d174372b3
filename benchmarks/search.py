"""Measures search, and the queue, in databases of many calls: ``python -m benchmarks.search``.

Page and total together, as the list asks for them; the peer is the same table behind an ORM, searched by ILIKE. Both
take turns. PostgreSQL is started here unless ``--postgres`` names one that may be filled.
"""

import argparse
import asyncio
import json
import math
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from benchmarks.accepting import new_acceptance
from benchmarks.many_calls import Peer, fill_postgres, fill_sqlite
from benchmarks.processes import conditions
from calls_adapters.snowball import SnowballStemmer
from calls_adapters.sql import Database, SqlCallRepository, SqlCallSearch, SqlHolds, SqlJobQueue
from calls_adapters.sql.migrate import migrate
from calls_core.call import CallStatus
from calls_core.ports import Acceptance
from calls_core.search import CallFilter, Cursor, PageRequest, normalized
from tests.servers.postgres import PostgresServer

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
LEASE: Final = timedelta(minutes=1)
WORKERS: Final = 8
DEEP: Final = 0.5


async def timed(work: Callable[[], Awaitable[object]], rounds: int) -> list[float]:
    """Return how many milliseconds each round took."""
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        await work()
        taken.append((time.perf_counter() - began) * 1000)
    return taken


def summary(taken: list[float]) -> dict[str, float]:
    ordered = sorted(taken)
    return {
        "p50_ms": round(statistics.median(ordered), 2),
        "p95_ms": round(ordered[math.ceil(len(ordered) * 0.95) - 1], 2),
    }


async def measure_search(url: str, rounds: int) -> dict[str, Any]:
    database, peer = Database(url), Peer(url)
    search = SqlCallSearch(database, SnowballStemmer())
    results: dict[str, Any] = {}
    for name, query in QUERIES.items():
        wanted = CallFilter(query=normalized(query))
        page = await search.page(wanted, PageRequest())
        ours: list[float] = []
        theirs: list[float] = []
        for _ in range(3):
            ours += await timed(lambda wanted=wanted: search.page(wanted, PageRequest()), rounds // 3)
            theirs += await timed(lambda query=query: peer.search(query), 1)
        results[name] = {"query": query, "total": page.total, **summary(ours), "peer_p50_ms": summary(theirs)["p50_ms"]}
        print(f"  {name:<12}{json.dumps(results[name])}", flush=True)
    results |= await measure_paging(search, rounds)
    await database.close()
    await peer.close()
    return results


async def counted_ahead(url: str) -> None:
    """Let the sweep come to its end: on PostgreSQL, what is common is counted before it is asked for."""
    database = Database(url)
    search = SqlCallSearch(database, SnowballStemmer())
    while await search.count_ahead():
        pass
    await database.close()


async def measure_paging(search: SqlCallSearch, rounds: int) -> dict[str, Any]:
    """Measure the plain list: its first page, and a page in its middle by cursor and by offset."""
    size = (await search.page(CallFilter(), PageRequest(limit=1, exact_count=True))).total
    offset = int(size * DEEP)
    middle = (await search.page(CallFilter(), PageRequest(limit=1, offset=offset, count=False))).items[0]
    cursor = Cursor(started_at=middle.details.started_at, id=middle.id)
    requests = {
        "first page": (CallFilter(), PageRequest()),
        "failed calls": (CallFilter(status=CallStatus.FAILED), PageRequest()),
        "one agent": (CallFilter(agent="agent7"), PageRequest()),
        "common and failed": (CallFilter(query="790", status=CallStatus.FAILED), PageRequest()),
        "middle, cursor": (CallFilter(), PageRequest(cursor=cursor, count=False)),
        "middle of a search, cursor": (CallFilter(query="790"), PageRequest(cursor=cursor, count=False)),
        "middle, offset": (CallFilter(), PageRequest(offset=offset, count=False)),
    }
    results = {}
    for name, (wanted, request) in requests.items():
        results[name] = summary(await timed(lambda w=wanted, r=request: search.page(w, r), rounds))
        print(f"  {name:<28}{json.dumps(results[name])}", flush=True)
    return results


async def measure_queue(url: str, jobs: int) -> dict[str, float]:
    """Claim and finish jobs whose recordings have no steps, with eight workers; and the calls added before."""
    database = Database(url)
    repository, queue, holds = SqlCallRepository(database), SqlJobQueue(database, SnowballStemmer()), SqlHolds(database)
    began = time.perf_counter()
    acceptances = [await accepted(repository, holds) for _ in range(jobs)]
    attached = time.perf_counter()
    known = {acceptance.job.id: acceptance for acceptance in acceptances}

    async def work(name: str) -> None:
        while claim := await queue.claim(name, LEASE):
            acceptance = known[claim.job.id]
            call = acceptance.call.finish_processing(acceptance.recording, datetime.now(UTC))
            await queue.finish(claim, call, acceptance.recording, [])

    await asyncio.gather(*(work(f"w{number}") for number in range(WORKERS)))
    ended = time.perf_counter()
    await database.close()
    return {
        "accepted_per_second": round(jobs / (attached - began)),
        "claimed_and_finished_per_second": round(jobs / (ended - attached)),
    }


async def accepted(repository: SqlCallRepository, holds: SqlHolds) -> Acceptance:
    made = new_acceptance(1, due_since=LEASE)
    await holds.hold(made.held_key, LEASE)
    await repository.ingest(made)
    return made


async def measure(url: str, fill: Callable[[], Awaitable[None]], arguments: argparse.Namespace) -> dict[str, Any]:
    await migrate(url)
    queue = await measure_queue(url, arguments.jobs)
    print(f"  {json.dumps(queue)}", flush=True)
    began = time.perf_counter()
    await fill()
    print(f"  filled in {time.perf_counter() - began:.0f} s", flush=True)
    began = time.perf_counter()
    await counted_ahead(url)
    print(f"  counted ahead in {time.perf_counter() - began:.0f} s", flush=True)
    return {"queue": queue, "search": await measure_search(url, arguments.rounds)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="how many calls")
    parser.add_argument("--jobs", type=int, default=1000, help="how many jobs are claimed and finished")
    parser.add_argument("--rounds", type=int, default=30, help="how often each question is asked")
    parser.add_argument("--postgres", help="URL of an empty database; started here if not given")
    parser.add_argument("--only", choices=["sqlite", "postgres"])
    parser.add_argument("--json", type=Path, help="where to write the figures")
    arguments = parser.parse_args()
    results: dict[str, Any] = {**conditions(), "rows": arguments.rows}
    with ExitStack() as stack:
        if arguments.only != "postgres":
            path = Path(stack.enter_context(tempfile.TemporaryDirectory()), "calls.db")
            print(f"SQLite, {arguments.rows} calls")

            async def in_sqlite() -> None:
                fill_sqlite(str(path), arguments.rows)

            results["sqlite"] = asyncio.run(measure(f"sqlite:///{path}", in_sqlite, arguments))
        if arguments.only != "sqlite":
            url = arguments.postgres
            if url is None:
                url = stack.enter_context(PostgresServer(durable=True)).create_database()
            print(f"PostgreSQL, {arguments.rows} calls")

            async def in_postgres() -> None:
                await fill_postgres(url, arguments.rows)

            results["postgres"] = asyncio.run(measure(url, in_postgres, arguments))
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
