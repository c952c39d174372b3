"""An API and two workers as processes of their own, told of work by Redis, by RabbitMQ, and by nobody."""

import asyncio
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from calls_adapters.sql.migrate import migrate
from tests.e2e.conversation import ended, register, upload
from tests.servers.fleet import Fleet
from tests.servers.rabbitmq import RabbitServer
from tests.servers.redis import RedisServer

pytestmark = pytest.mark.requires("postgres")

BROKERS = [
    pytest.param("redis_server", marks=pytest.mark.requires("redis")),
    pytest.param("rabbit_server", marks=pytest.mark.requires("rabbitmq")),
]
DEAD = [{"BROKER_URL": "redis://127.0.0.1:9/0"}, {"BROKER_URL": "amqp://guest:hunter2@127.0.0.1:9/"}]


@pytest.fixture
def database_url(postgres_url: str) -> str:
    asyncio.run(migrate(postgres_url))
    return postgres_url


@pytest.fixture(params=BROKERS)
def broker(request: pytest.FixtureRequest) -> RedisServer | RabbitServer:
    running: RedisServer | RabbitServer = request.getfixturevalue(request.param)
    return running


@pytest.fixture
def fleet(broker: RedisServer | RabbitServer, tmp_path: Path, database_url: str) -> Iterator[Fleet]:
    name = "REDIS_URL" if isinstance(broker, RedisServer) else "BROKER_URL"
    with Fleet(tmp_path, database_url, **{name: broker.url}) as running:
        yield running


def test_work_begins_at_once(fleet: Fleet, beep: Path) -> None:
    """A recording is ready long before any worker would have looked for it, and both workers take part."""
    with fleet.client() as client:
        part = client.get("/health/ready").raise_for_status().json()["parts"]["broker"]
        assert (part["status"], part["needed"]) == ("up", False)
        seconds = []
        for _ in range(10):
            call = register(client)
            began = time.monotonic()
            upload(client, call["id"], beep)
            assert ended(client, call["id"])["status"] == "ready"
            seconds.append(time.monotonic() - began)
        print(f"upload to ready: median {statistics.median(seconds):.2f} s, longest {max(seconds):.2f} s")
        assert statistics.median(seconds) < 2, fleet.logs()
    assert fleet.stop()[1:] == [0, 0], fleet.logs()


def test_a_broker_that_hangs_delays_next_to_nothing(
    fleet: Fleet, broker: RedisServer | RabbitServer, beep: Path
) -> None:
    """Frozen with all connections open: uploads are accepted, end ready, and SIGTERM ends workers as before."""
    with fleet.client() as client:
        upload(client, register(client)["id"], beep)
        broker.pause()
        try:
            calls, began = [register(client)["id"] for _ in range(10)], time.monotonic()
            for call in calls:
                upload(client, call, beep)
            print(f"ten uploads took {time.monotonic() - began:.2f} s")
            assert {ended(client, call)["status"] for call in calls} == {"ready"}
            began = time.monotonic()
            assert fleet.workers[0].stop() == 0
            assert time.monotonic() - began < 10, fleet.logs()
        finally:
            broker.resume()
        assert client.get("/health/ready").is_success
        fleet.workers[0].start()
        call = register(client)["id"]
        upload(client, call, beep)
        assert ended(client, call)["status"] == "ready"


@pytest.mark.parametrize("variables", DEAD, ids=["redis", "rabbitmq"])
def test_without_its_broker_everything_still_ends(
    variables: dict[str, str], tmp_path: Path, database_url: str, beep: Path
) -> None:
    """With the broker away from start to end: uploads are taken at once, all of them end, and SIGTERM ends in order."""
    with Fleet(tmp_path, database_url, **variables) as fleet, fleet.client() as client:
        began = time.monotonic()
        calls = [register(client)["id"] for _ in range(20)]
        for call in calls:
            upload(client, call, beep)
        assert time.monotonic() - began < 15, "nobody waits for a broker that is down"
        assert {ended(client, call)["status"] for call in calls} == {"ready"}
        health = client.get("/health/ready")
        assert (health.status_code, health.json()["parts"]["broker"]["status"]) == (200, "down")
        assert "workers find their work" in health.json()["parts"]["broker"]["detail"]
        assert fleet.stop()[1:] == [0, 0], fleet.logs()
        assert "[error" not in fleet.logs(), "drivers leave it to us to tell"
        assert fleet.logs().count("wake-ups are not sent") == 1, "once, not once for each upload"
        assert "Traceback" not in fleet.logs()
        assert "hunter2" not in fleet.logs()


def test_doctor_tells_of_a_broker_that_is_down(tmp_path: Path) -> None:
    """It is told and is no failure, since the service can do without; its password stays hidden."""
    done = subprocess.run(
        [sys.executable, "-m", "calls_app", "doctor"],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "COLUMNS": "200", "DATABASE_URL": "sqlite:///calls.db", **DEAD[1]},
    )
    assert "broker: RabbitMQ: " in done.stdout
    assert re.search(r"BROKER_URL.*amqp://\*\*\*@127\.0\.0\.1", done.stdout)
    assert "hunter2" not in done.stdout + done.stderr
