"""Dying at every named place of the way that a recording takes."""

import ast
from pathlib import Path
from typing import Final

import httpx2
import pytest

import calls_adapters
import calls_core
from tests.faults.history import History, check
from tests.servers.service import Service

AUDIO: Final = Path(__file__).parents[1] / "e2e" / "beep.wav"


def named_points() -> list[str]:
    """Return the name of every fault point in the source."""
    folders = [Path(str(package.__file__)).parent for package in (calls_core, calls_adapters)]
    calls = (
        node
        for folder in folders
        for path in folder.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "faultpoint"
    )
    return sorted({str(ast.literal_eval(call.args[0])) for call in calls})


@pytest.mark.parametrize("point", named_points())
def test_dying_at_a_fault_point_loses_nothing(service: Service, point: str) -> None:
    """The process dies there and is started again: what was accepted ends ready, and nothing else stays."""
    history = History()
    service.start(fault=f"{point}:kill:2")
    try:
        with service.client() as client:
            for number in range(3):
                history.upload(client, AUDIO.read_bytes() + bytes(number), f"call-{number}")
            if point == "api.erased":
                erased = list(history.registered)[:2]
                for call_id in erased:
                    history.accepted.pop(call_id, None)
                    history.registered.pop(call_id)
                    try_to_erase(service, call_id)
        assert service.wait_until_dead() == -9, f"{point} was never reached"
        service.start()
        check(service, history)
    finally:
        service.kill()


def try_to_erase(service: Service, call_id: str) -> None:
    with service.client() as client:
        try:
            client.delete(f"/calls/{call_id}")
        except httpx2.TransportError:
            return
