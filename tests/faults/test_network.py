"""A network that cuts, resets, slows and swallows, between any two parts."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.faults.clients import Clients
from tests.faults.conftest import Stack, Stacks
from tests.faults.history import Answer
from tests.faults.observing import settled
from tests.servers.proxy import Proxy, Weather
from tests.servers.service import PLAIN, Service

AUDIO: Final = Path(__file__).parents[1] / "e2e" / "beep.wav"
LONG_BYTES: Final = 250_000
CLEARS_AFTER_SEC: Final = 1.5
TRIES: Final = 60

WEATHERS: Final = {
    "reset at the first byte": Weather(up=1, once=True),
    "reset in the headers": Weather(up=150, once=True),
    "reset half-way": Weather(up=LONG_BYTES // 2, once=True),
    "answer lost": Weather(down=0, once=True),
    "answer torn": Weather(down=20, once=True),
    "slow": Weather(slow=200_000),
    "frozen": Weather(frozen=True),
    "refusing": Weather(refusing=True),
}

BROKERS: Final = {"redis", "rabbitmq"}
LINKS: Final = [
    "client",
    pytest.param("postgres", marks=pytest.mark.requires("postgres")),
    pytest.param("redis", marks=pytest.mark.requires("redis")),
    pytest.param("rabbitmq", marks=pytest.mark.requires("rabbitmq")),
    pytest.param("s3", marks=pytest.mark.requires("s3")),
]


@pytest.mark.parametrize("link", LINKS)
def test_a_recording_gets_through_any_weather(link: str, stacks: Stacks, tmp_path: Path) -> None:
    """Each upload ends accepted, or in a clear refusal until it is; what was accepted ends ready, once.

    A bad way to the broker is not even felt.
    """
    stack = stacks(
        database="postgres" if link == "postgres" else "sqlite",
        broker=link if link in BROKERS else "memory",
        storage="s3" if link == "s3" else "local",
    )
    with led_through_proxy(link, stack, tmp_path) as (service, proxy, address):
        clients = Clients(lambda _number: httpx2.Client(base_url=address, timeout=3, **PLAIN))
        for number, (name, weather) in enumerate(WEATHERS.items()):
            proxy.change(weather)
            clearing = threading.Timer(CLEARS_AFTER_SEC, proxy.heal)
            clearing.start()
            upload = clients.upload(name, AUDIO.read_bytes() + bytes(LONG_BYTES) + bytes([number]), tries=TRIES)
            clearing.join()
            assert upload.answer is Answer.ACCEPTED, (name, service.log.read_text()[-4000:])
        proxy.heal()
        with service.client() as client:
            verdict = settled(clients.uploads, client, stack.database_url, stack.files)
        print(f"{link}: {proxy.resets} resets, {clients.unanswered} unanswered requests, {verdict}")
        assert not verdict.violations, (verdict.violations, service.log.read_text()[-4000:])
        assert not clients.unclear
        assert clients.unanswered == 0 or link not in BROKERS


@contextmanager
def led_through_proxy(
    link: str, stack: Stack, folder: Path, *, worker: bool = True
) -> Iterator[tuple[Service, Proxy, str]]:
    """Lend a service, the proxy on *link*, and the address that clients use."""
    if link == "client":
        service = Service(folder, stack.database_url, **stack.variables)
        with service, Proxy(service.port) as proxy:
            yield service, proxy, f"http://127.0.0.1:{proxy.port}"
        return
    name = {"postgres": "", "s3": "S3_ENDPOINT_URL"}.get(link, "BROKER_URL")
    url = stack.variables[name] if name else stack.database_url
    port = urlsplit(url).port
    assert port is not None
    with Proxy(port) as proxy:
        through = url.replace(f":{port}", f":{proxy.port}")
        led = (
            replace(stack, variables=stack.variables | {name: through})
            if name
            else replace(stack, database_url=through)
        )
        with Service(folder, led.database_url, worker=worker, **led.variables) as service:
            yield service, proxy, service.url


@pytest.mark.requires("postgres")
def test_a_commit_whose_answer_is_lost_is_found_again(stacks: Stacks, tmp_path: Path) -> None:
    """The client is told that nobody knows; the same request again finds the call, and nothing is there twice."""
    stack = stacks("postgres")
    # Without a worker, so that nobody else commits.
    with led_through_proxy("postgres", stack, tmp_path, worker=False) as (service, proxy, address):
        clients = Clients(lambda _number: httpx2.Client(base_url=address, timeout=10, **PLAIN))
        proxy.change(Weather(phrase=b"COMMIT", once=True))

        first = clients.upload("call", AUDIO.read_bytes())
        assert (first.answer, proxy.resets) == (Answer.UNKNOWN, 1), service.log.read_text()[-4000:]
        again = clients.upload("call", AUDIO.read_bytes())

        with (
            Service(tmp_path, stack.database_url, log="worker.log", **stack.variables) as working,
            working.client() as client,
        ):
            verdict = settled([again], client, stack.database_url, stack.files)
            assert client.get("/calls").json()["total"] == 1
        assert again.answer is Answer.ACCEPTED
        assert not verdict.violations
        assert not clients.unclear


@pytest.mark.requires("postgres")
@pytest.mark.parametrize("point", ["worker.claimed", "worker.step_done", "worker.before_finish"])
def test_work_survives_that_its_database_is_cut_off(point: str, stacks: Stacks, tmp_path: Path) -> None:
    """Whatever becomes of the lease, the result is stored once."""
    stack = stacks("postgres")
    with led_through_proxy("postgres", stack, tmp_path) as (service, proxy, address):
        service.kill()
        service.start(fault=f"{point}:hang:1")
        clients = Clients(lambda _number: httpx2.Client(base_url=address, timeout=10, **PLAIN))
        clients.upload("call", AUDIO.read_bytes(), tries=TRIES)
        while f"fault point {point}" not in service.said:
            time.sleep(0.01)
        proxy.change(Weather(refusing=True))
        proxy.cut()
        time.sleep(CLEARS_AFTER_SEC)
        proxy.heal()
        with service.client() as client:
            verdict = settled(clients.uploads, client, stack.database_url, stack.files)
        assert verdict.accepted == 1
        assert not verdict.violations, (verdict.violations, service.log.read_text()[-4000:])
