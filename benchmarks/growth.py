"""Measures what ten times as much costs: ten times the calls, the audio, the clients: ``python -m benchmarks.growth``.

Whatever somebody waits for may take at most ten times as long, and a half more for what a busy machine adds; the
program ends with 1 otherwise. Small and large take turns. Memory by length: ``benchmarks.audio --memory``.
"""

import argparse
import asyncio
import json
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from benchmarks import audio
from benchmarks.api import Measured, Turns, ask, cases
from benchmarks.filled import filled
from benchmarks.processes import conditions, median, memory_mb, running
from tests.servers.ports import free_port

TIMES: Final = 10
SLACK: Final = 1.5
ASKED: Final = ("POST /calls", "GET /calls, first page", "GET /calls?query=790", "GET /calls?query= of 6 digits")


@dataclass(frozen=True)
class Growth:
    """What the *small* and the *large* cost, each of *unit*."""

    axis: str
    what: str
    unit: str
    small: float
    large: float

    @property
    def factor(self) -> float:
        return round(self.large / self.small, 2)


async def turns(
    rounds: int, small: Callable[[int], Awaitable[float]], large: Callable[[int], Awaitable[float]]
) -> tuple[float, float]:
    found: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds + 1):  # the first warms up
        for measured, each in zip(found, (small, large), strict=True):
            value = await each(number)
            measured.extend([value] if number else [])
    return median(found[0]), median(found[1])


async def by_data(servers: Mapping[int, Measured], options: argparse.Namespace) -> list[Growth]:
    """How long one client waits for an answer, with few calls and with many."""
    found = []
    for name in ASKED:

        def asking(rows: int, name: str = name) -> Callable[[int], Awaitable[float]]:
            case = next(case for case in cases(rows) if case.name == name)

            async def asked(number: int) -> float:
                chance = random.Random(number)
                sent = [case.requests(chance) for _ in range(options.requests)]
                return statistics.median(await ask(servers[rows].port, iter(sent)))

            return asked

        few, many = sorted(servers)
        found.append(Growth("calls", name, "ms", *await turns(options.rounds, asking(few), asking(many))))
    return found


async def by_clients(server: Measured, options: argparse.Namespace) -> list[Growth]:
    """How long each of many clients waits, and what a request costs then."""
    case = next(case for case in cases(options.rows) if case.name == "GET /calls/{id}")
    costs: dict[int, list[float]] = {}

    def asking(clients: int) -> Callable[[int], Awaitable[float]]:
        async def asked(number: int) -> float:
            measured, began = Turns(), time.perf_counter()
            await server.turn(case, options.requests * 10, clients, random.Random(number), measured)
            costs.setdefault(clients, []).append(measured.cpu_ms[0])
            return (time.perf_counter() - began) * 1000 / (options.requests * 10) * clients

        return asked

    few, many = options.clients, options.clients * TIMES
    waits = await turns(options.rounds, asking(few), asking(many))
    return [
        Growth("clients", "GET /calls/{id}: wait of each", "ms", *waits),
        Growth("clients", "GET /calls/{id}: processor time", "ms", median(costs[few]), median(costs[many])),
    ]


async def by_length(folder: Path, options: argparse.Namespace) -> list[Growth]:
    """What the analysis of short and of long recordings takes, start-up and all."""
    found = []
    for name in ("ulaw8k.wav", "mp3_32k.mp3"):
        case = next(case for case in audio.CASES if case.name == name)
        paths = [audio.make(case, folder, options.minutes * 60 * times) for times in (1, TIMES)]

        def analysing(path: Path) -> Callable[[int], Awaitable[float]]:
            async def analysed(_: int) -> float:
                return (await asyncio.to_thread(audio.run, "ours", path)).cpu_sec * 1000

            return analysed

        spent = await turns(options.rounds, *(analysing(path) for path in paths))
        found.append(Growth("audio", f"{name}: processor time", "ms", *spent))
    return found


async def grown(servers: Mapping[int, Measured], folder: Path, options: argparse.Namespace) -> list[Growth]:
    return [
        *await by_data(servers, options),
        *await by_clients(servers[options.rows], options),
        *await by_length(folder, options),
    ]


def show(found: Sequence[Growth]) -> None:
    print(f"{'ten times the':15}{'':40}{'small':>10}{'large':>10}{'factor':>9}   load {conditions()['load']}")
    for growth in found:
        figures = f"{growth.small:10.2f}{growth.large:10.2f}{growth.factor:9.2f} {growth.unit}"
        print(f"{growth.axis:15}{growth.what:40}{figures}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000, help="calls of the small database")
    parser.add_argument("--filled", help="URL of a database with ten times as many, filled by benchmarks.filled")
    parser.add_argument("--minutes", type=int, default=6, help="of the short recording")
    parser.add_argument("--clients", type=int, default=2, help="when there are few")
    parser.add_argument("--requests", type=int, default=40, help="how many in one turn")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args()
    with ExitStack() as stack:
        servers: dict[int, Measured] = {}
        for rows in (options.rows, options.rows * TIMES):
            folder, port = Path(stack.enter_context(tempfile.TemporaryDirectory())), free_port()
            database = stack.enter_context(filled(rows, options.filled if rows > options.rows else None))
            url = stack.enter_context(database.copied())
            command = ["-m", "calls_app", "serve", "--no-worker", "--port", str(port)]
            variables = {"DATABASE_URL": url, "RECORDINGS_DIR": str(folder), "LOG_LEVEL": "WARNING"}
            variables["AUTH_SECRET"] = "0" * 64
            process = stack.enter_context(running(command, folder, port, **variables))
            servers[rows] = Measured(port, process, database.server)
        found = asyncio.run(grown(servers, Path(stack.enter_context(tempfile.TemporaryDirectory())), options))
        peaks = {rows: round(memory_mb(server.process, "VmHWM")) for rows, server in servers.items()}
    show(found)
    print(f"peak memory by calls, MB: {peaks}")
    if options.json:
        rows = [asdict(growth) | {"factor": growth.factor} for growth in found]
        figures = {**conditions(), "times": TIMES, "growth": rows, "peak_mb": peaks}
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    if too_fast := [growth.what for growth in found if growth.factor > TIMES * SLACK]:
        raise SystemExit(f"grows faster than what it is about: {', '.join(too_fast)}")


if __name__ == "__main__":
    main()
