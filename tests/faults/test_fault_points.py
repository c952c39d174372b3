"""Dying at every named place of the way that a recording takes."""

import ast
import itertools
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest

import calls_adapters
import calls_core
from tests.faults.clients import Clients
from tests.faults.conftest import Stacks
from tests.faults.history import Answer
from tests.faults.observing import settled
from tests.servers.receiver import Receiver
from tests.servers.service import Service

AUDIO: Final = Path(__file__).parents[1] / "e2e" / "beep.wav"
S3_PART_BYTES: Final = 8 * 1024**2

DATABASES: Final = ("sqlite", "postgres")
BROKERS: Final = ("memory", "redis", "rabbitmq")
STORAGES: Final = ("local", "s3")
ONLY_ON: Final = {"fs": ("local",), "s3": ("s3",)}
"""The storage that has the fault points of this beginning."""


def named_points() -> list[str]:
    """Return the name of every fault point in the source, but for those of the AI service, which tests/e2e runs."""
    folders = [Path(str(package.__file__)).parent for package in (calls_core, calls_adapters)]
    calls = (
        node
        for folder in folders
        for path in folder.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "faultpoint"
    )
    points = {str(ast.literal_eval(call.args[0])) for call in calls}
    return sorted(point for point in points if not point.startswith("ai."))


def combinations() -> list[Any]:
    """Return fault points with what they are tried on: both databases, with brokers and storages that take turns; or
    everything there is, when soaking."""
    chosen = []
    for number, point in enumerate(named_points()):
        storages = ONLY_ON.get(point.partition(".")[0], STORAGES)
        if os.environ.get("CALLS_SOAK"):
            stacks = list(itertools.product(DATABASES, BROKERS, storages))
        else:
            stacks = [
                (database, BROKERS[(number + turn) % 3], storages[(number // 2 + turn) % len(storages)])
                for turn, database in enumerate(DATABASES)
            ]
        chosen += [pytest.param(point, *stack, id="-".join((point, *stack)), marks=_needs(*stack)) for stack in stacks]
    return chosen


def _needs(*names: str) -> list[pytest.MarkDecorator]:
    return [pytest.mark.requires(name) for name in names if name not in {"memory", "local"}]


@pytest.mark.parametrize(("point", "database", "broker", "storage"), combinations())
def test_dying_at_a_fault_point_loses_nothing(
    point: str, database: str, broker: str, storage: str, stacks: Stacks, tmp_path: Path
) -> None:
    """The process dies there and is started again: what was accepted ends ready, and nothing else stays."""
    stack = stacks(database, broker, storage)
    variables = stack.variables | {"WEBHOOK_ALLOW_CIDRS": "127.0.0.0/8"}
    service = Service(tmp_path, stack.database_url, **variables)
    clients = Clients(lambda _number: service.client())
    padding = bytes(S3_PART_BYTES if point == "s3.part_sent" else 1)
    service.start(fault=f"{point}:kill:2")
    with ExitStack() as ended:
        ended.callback(service.kill)
        receiver = connected(service, ended) if point.startswith("notifier.") else None
        for number in range(3):
            audio = AUDIO.read_bytes() + padding + bytes([number])
            clients.upload(f"call-{number}", audio, at_once=number == 2)
        if point == "api.erased":
            try_to_erase(service, clients)
        assert service.wait_until_dead() == -9, f"{point} was never reached"
        service.start()
        with service.client() as client:
            verdict = settled(clients.uploads, client, stack.database_url, stack.files)
            if receiver is not None:
                feed = client.get("/events").raise_for_status().json()["items"]
                receiver.wait_for(effects=len(feed))
                assert receiver.effects.keys() == {event["id"] for event in feed}
        assert not verdict.violations, (verdict.violations, service.log.read_text()[-4000:])
        assert not clients.unclear


def connected(service: Service, ended: ExitStack) -> Receiver:
    """A receiver that is told of everything that happens from now on, and takes each event in once, by its id."""
    receiver = ended.enter_context(Receiver())
    with service.client() as client:
        made = client.post("/webhooks", json={"url": receiver.url}).raise_for_status()
    receiver.secret = made.json()["secret"]
    return receiver


def try_to_erase(service: Service, clients: Clients) -> None:
    for upload in clients.uploads[:2]:
        upload.answer = Answer.ERASED
        with service.client() as client:
            try:
                client.delete(f"/calls/{upload.call_id}")
            except httpx2.TransportError:
                return
