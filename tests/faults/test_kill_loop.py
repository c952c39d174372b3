"""kill -9 and SIGSTOP, again and again, in the middle of everything."""

import os
import random
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx2
import pytest

from tests.faults.chaos import Chaos, Killable
from tests.faults.clients import Clients
from tests.faults.conftest import Stack, Stacks
from tests.faults.observing import settled
from tests.servers.fleet import Fleet
from tests.servers.postgres import PostgresServer
from tests.servers.process import CallsProcess
from tests.servers.service import PLAIN, Service

AUDIO: Final = Path(__file__).parents[1] / "e2e" / "beep.wav"
UPLOADS: Final = int(os.environ.get("CALLS_SOAK_UPLOADS", "60"))
KILLS: Final = int(os.environ.get("CALLS_SOAK_KILLS", "12"))
SEED: Final = int(os.environ.get("CALLS_SOAK_SEED", time.time_ns() % 1_000_000))
CLIENTS: Final = 4
FREEZE_SEC: Final = 3.0
FOR_EVER: Final = 1_000
LONG_BYTES: Final = 300_000
LIMIT_SEC: Final = 60 + 10 * KILLS + UPLOADS


@contextmanager
def uploading(clients: Clients, chaos: Chaos) -> Iterator[list[Future[None]]]:
    """Have four clients upload in the background, in step with the kills; lends what tells when each of them ends."""
    chance = random.Random(SEED)
    numbers = iter([(number, chance.random() < 0.2) for number in range(UPLOADS)])
    lock = threading.Lock()

    def work() -> None:
        while not clients.stopped.is_set():
            with lock:
                number, is_long = next(numbers, (None, False))
            if number is None:
                return
            while number > UPLOADS * (chaos.kills.total() + 2) / KILLS and not clients.stopped.wait(0.05):
                pass
            audio = AUDIO.read_bytes() + bytes(LONG_BYTES if is_long else 0) + number.to_bytes(4, "big")
            clients.upload(f"call-{number}", audio, tries=FOR_EVER, at_once=number % 3 > 0)

    with ThreadPoolExecutor(CLIENTS) as threads:
        working = [threads.submit(work) for _ in range(CLIENTS)]
        try:
            yield working
        finally:
            clients.stopped.set()
    for one in working:
        one.result()


def survive(
    title: str, stack: Stack, clients: Clients, processes: Sequence[CallsProcess], servers: Mapping[str, Killable]
) -> None:
    """Let chaos rage while clients upload; then everything that they were promised must be there, once.

    The first of *processes* is an API, which is asked in the end.
    """
    began = time.monotonic()
    chaos = Chaos(SEED, processes, servers, FREEZE_SEC)

    def is_enough() -> bool:
        late = time.monotonic() - began > LIMIT_SEC
        return late or (all(one.done() for one in working) and chaos.kills.total() >= KILLS)

    with uploading(clients, chaos) as working:
        chaos.rage(is_enough, lambda: clients.answered)
    api = processes[0]
    assert isinstance(api, Service)
    with api.client() as client:
        verdict = settled(clients.uploads, client, stack.database_url, stack.files, limit_sec=120)
    figures = f"{title}: seed {SEED}, {chaos}, {clients.unanswered} unanswered requests, {verdict}"
    print(f"{figures}, {time.monotonic() - began:.0f} s")
    assert not verdict.violations, (figures, verdict.violations)
    assert not clients.unclear, clients.unclear
    assert verdict.accepted == UPLOADS, figures


def impatient(api: Service) -> httpx2.Client:
    """A client that does not wait for a frozen API, but asks another."""
    return httpx2.Client(base_url=api.url, timeout=FREEZE_SEC * 2, **PLAIN)


@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgres", marks=pytest.mark.requires("postgres"))])
def test_one_process_killed_at_any_moment(database: str, stacks: Stacks, tmp_path: Path) -> None:
    """The embedded service, all in one process, loses nothing that it accepted."""
    stack = stacks(database)
    clients = Clients(lambda _number: impatient(service))
    with Service(tmp_path, stack.database_url, **stack.variables) as service:
        survive(f"one process on {database}", stack, clients, [service], {})


@pytest.mark.requires("postgres")
@pytest.mark.requires("s3")
@pytest.mark.parametrize(
    "broker",
    [
        pytest.param("redis", marks=pytest.mark.requires("redis")),
        pytest.param("rabbitmq", marks=pytest.mark.requires("rabbitmq")),
    ],
)
def test_a_fleet_whose_every_part_is_killed(
    broker: str, stacks: Stacks, tmp_path: Path, durable_postgres: PostgresServer, request: pytest.FixtureRequest
) -> None:
    """Two APIs, four workers, the broker and the database die and freeze at random under load: nothing is lost."""
    stack = stacks("postgres", broker, "s3")
    clients = Clients(lambda number: impatient(fleet.apis[number % 2]))
    servers: dict[str, Killable] = {
        "postgres": durable_postgres,
        broker: request.getfixturevalue({"redis": "redis_server"}.get(broker, "rabbit_server")),
    }
    with Fleet(tmp_path, stack.database_url, apis=2, workers=4, **stack.variables) as fleet:
        survive(f"fleet with {broker}", stack, clients, fleet.processes, servers)


@pytest.mark.requires("postgres")
def test_a_broker_that_is_never_there_is_not_missed(stacks: Stacks, tmp_path: Path) -> None:
    """With the broker down for the whole run everything still ends ready."""
    stack = stacks("postgres")
    nobody = {"BROKER_URL": "redis://127.0.0.1:9/0"}
    clients = Clients(lambda _number: fleet.client())
    with Fleet(tmp_path, stack.database_url, apis=1, workers=2, **stack.variables, **nobody) as fleet:
        for number in range(20):
            clients.upload(f"call-{number}", AUDIO.read_bytes() + bytes([number]))
        with fleet.client() as client:
            verdict = settled(clients.uploads, client, stack.database_url, stack.files)
        assert verdict.accepted == 20
        assert not verdict.violations, (verdict.violations, fleet.logs()[-4000:])
