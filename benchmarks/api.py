"""Measures the API beside FastAPI, pydantic and the ORM on the same table: ``python -m benchmarks.api``.

Two servers of one process each, over two copies of one database in one PostgreSQL, take turns; for each number of
``--rows`` once. In each turn a few
clients at once send requests over connections that stay open (processor time by request, of the server and of
PostgreSQL), then one alone (how long it waits). Medians of all turns.
"""

import argparse
import asyncio
import json
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from benchmarks.filled import Filled, filled
from benchmarks.many_calls import made_calls
from benchmarks.processes import conditions, cpu_seconds, median, memory_mb, running
from tests.servers.ports import free_port

KNOWN: Final = 1000
MANY: Final = 100_000
"""In more rows the peer searches for so long that it is asked less often."""
FEWEST: Final = 16
NEW_CALL: Final = {
    "caller": "+79001234567",
    "receiver": "102",
    "started_at": "2026-01-01T09:30:00Z",
    "agent": "anna",
    "direction": "inbound",
    "metadata": {"queue": "sales"},
}
TARGETS: Final = {"POST /calls": 0.5, "POST /calls with an Idempotency-Key": 0.5, "GET /calls/{id}": 0.45}
"""How much of the peer's processor time, of ``performance``'s table."""


@dataclass(frozen=True)
class Case:
    """*share* is the part of ``--requests`` that one turn sends, *peer_share* the peer's: some answers take long."""

    name: str
    requests: Callable[[random.Random], bytes]
    share: float = 1.0
    peer_share: float | None = None


@dataclass
class Turns:
    cpu_ms: list[float] = field(default_factory=list)
    postgres_ms: list[float] = field(default_factory=list)
    per_second: list[float] = field(default_factory=list)
    waits_ms: list[float] = field(default_factory=list)

    def figures(self) -> dict[str, float]:
        ordered = sorted(self.waits_ms)
        return {
            "cpu_ms": median(self.cpu_ms),
            "postgres_ms": median(self.postgres_ms),
            "per_second": median(self.per_second, 0),
            "p50_ms": median(ordered, 2),
            "p95_ms": round(ordered[int(len(ordered) * 0.95)], 2),
        }


def cases(rows: int) -> tuple[Case, ...]:
    slow = 0.1 if rows <= MANY else 0.016
    ids = [str(call.id) for call in made_calls(min(rows, KNOWN))]

    def get(path: Callable[[random.Random], str]) -> Callable[[random.Random], bytes]:
        return lambda chance: request("GET", path(chance))

    return (
        Case("POST /calls", lambda _: posted()),
        Case("POST /calls with an Idempotency-Key", lambda _: posted(f"Idempotency-Key: {uuid4()}\r\n")),
        Case(
            "the same, which the peer keeps too",
            lambda _: posted(f"Idempotency-Key: {uuid4()}\r\nKeeps-Keys: true\r\n"),
        ),
        Case("GET /calls/{id}", get(lambda chance: f"/calls/{chance.choice(ids)}")),
        Case("GET /calls, first page", get(lambda _: "/calls"), 0.2, 2 * slow),
        Case("GET /calls?query=790", get(lambda _: "/calls?query=790"), 0.1, slow),
        Case("GET /calls?query= of 6 digits", get(lambda chance: f"/calls?query={six_digits(chance)}"), 0.1, slow),
    )


def six_digits(chance: random.Random) -> str:
    return f"{chance.randrange(10**6):06d}"


def posted(header: str = "") -> bytes:
    return request("POST", "/calls", json.dumps(NEW_CALL).encode(), header)


def request(method: str, path: str, body: bytes = b"", header: str = "") -> bytes:
    kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{header}{kind}\r\n".encode() + body


async def ask(port: int, requests: Iterator[bytes]) -> list[float]:
    """Send *requests* one after the other over one connection, and return how long each answer took (ms)."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    taken = []
    for each in requests:
        began = time.perf_counter()
        writer.write(each)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        body = await reader.readexactly(length)
        if not head.startswith(b"HTTP/1.1 20"):
            raise RuntimeError(f"{each.decode()}\n{head.decode()}{body.decode()}")
        taken.append((time.perf_counter() - began) * 1000)
    writer.close()
    await writer.wait_closed()
    return taken


@dataclass(frozen=True)
class Measured:
    port: int
    process: int
    postgres: int

    async def turn(self, case: Case, count: int, clients: int, chance: random.Random, turns: Turns) -> None:
        each = max(1, count // clients)
        sent = [case.requests(chance) for _ in range(each * clients)]
        used, used_by_postgres = cpu_seconds([self.process]), cpu_seconds([self.postgres])
        began = time.perf_counter()
        await asyncio.gather(*(ask(self.port, iter(sent[start::clients])) for start in range(clients)))
        turns.per_second.append(len(sent) / (time.perf_counter() - began))
        turns.cpu_ms.append((cpu_seconds([self.process]) - used) * 1000 / len(sent))
        turns.postgres_ms.append((cpu_seconds([self.postgres]) - used_by_postgres) * 1000 / len(sent))
        alone = [case.requests(chance) for _ in range(max(10, count // 20))]
        turns.waits_ms += await ask(self.port, iter(alone))


async def compare(
    servers: Mapping[str, Measured], options: argparse.Namespace, wanted: Sequence[Case]
) -> dict[str, dict[str, Any]]:
    results: dict[str, dict[str, Any]] = {}
    print(f"{'':38}{'CPU ms':>8}{'peer':>8}{'ratio':>7}{'PG ms':>8}{'peer':>8}{'p50 ms':>8}{'peer':>8}{'ratio':>7}")
    for case in wanted:
        turns = {name: Turns() for name in servers}
        shares = {"calls": case.share, "peer": case.peer_share or case.share}
        counts = {name: max(FEWEST, int(options.requests * share)) for name, share in shares.items()}
        for name, server in servers.items():  # the first requests compile statements and open connections
            await server.turn(case, max(FEWEST, counts[name] // 10), options.clients, random.Random(0), Turns())
        for number in range(options.rounds):
            # Who goes first comes out worse, by up to a fifth.
            for name, server in list(servers.items())[:: -1 if number % 2 else 1]:
                await server.turn(case, counts[name], options.clients, random.Random(number), turns[name])
        ours, peer = turns["calls"].figures(), turns["peer"].figures()
        results[case.name] = {
            "calls": ours,
            "peer": peer,
            "cpu_ratio": round(ours["cpu_ms"] / peer["cpu_ms"], 3),
            "p50_ratio": round(ours["p50_ms"] / peer["p50_ms"], 3),
            "target": TARGETS.get(case.name),
        }
        print(
            f"{case.name:38}{ours['cpu_ms']:8.2f}{peer['cpu_ms']:8.2f}{results[case.name]['cpu_ratio']:7.2f}"
            f"{ours['postgres_ms']:8.2f}{peer['postgres_ms']:8.2f}"
            f"{ours['p50_ms']:8.2f}{peer['p50_ms']:8.2f}{results[case.name]['p50_ratio']:7.2f}",
            flush=True,
        )
    return results


def measure(stack: ExitStack, database: Filled, rows: int, options: argparse.Namespace) -> dict[str, Any]:
    servers: dict[str, Measured] = {}
    for name in ("calls", "peer"):
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        port, url = free_port(), stack.enter_context(database.copied())
        command = {
            "calls": ["-m", "calls_app", "serve", "--no-worker", "--port", str(port)],
            "peer": ["-m", "benchmarks.api_peer", str(port), url],
        }[name]
        variables = {"DATABASE_URL": url, "RECORDINGS_DIR": str(folder), "LOG_LEVEL": "WARNING"}
        variables["AUTH_SECRET"] = "0" * 64
        process = stack.enter_context(running(command, folder, port, **variables))
        servers[name] = Measured(port, process, database.server)
    print(f"{rows:,} calls, {options.clients} clients, load {conditions()['load']}")
    results = asyncio.run(compare(servers, options, cases(rows)))
    memory = {name: round(memory_mb(server.process, "VmHWM")) for name, server in servers.items()}
    print(f"peak memory, MB: {memory}; load {conditions()['load']}", flush=True)
    return {"rows": rows, "cases": results, "memory": memory}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000], help="how many calls there are")
    parser.add_argument("--filled", help="URL of a database with the most of them, filled by benchmarks.filled")
    parser.add_argument("--requests", type=int, default=1000, help="how many in one turn")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--clients", type=int, default=8, help="how many at once")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args()
    sizes = []
    for rows in options.rows:
        url = options.filled if rows == max(options.rows) else None
        with ExitStack() as stack:
            sizes.append(measure(stack, stack.enter_context(filled(rows, url)), rows, options))
    if options.json:
        figures = {**conditions(), "clients": options.clients, "sizes": sizes}
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
