"""The worker: looks when told, looks when not told, and stops in order."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from calls_adapters.memory import MemoryTelemetry
from calls_adapters.taskiq.wake_ups import TaskiqWakeUps, heard, make_broker
from calls_app import worker as module
from calls_app.worker import Worker
from calls_core.errors import RepositoryUnavailable
from calls_core.ports import Audio
from calls_core.recording import CallId
from tests.unit.core.conftest import FACTS, Scene, Scripted

pytestmark = pytest.mark.anyio


async def ended(scene: Scene, call_id: CallId) -> str:
    async with asyncio.timeout(10):
        while (call := await scene.calls.get(call_id)).status == "processing":
            await asyncio.sleep(0.005)
    return call.status


def worker(scene: Scene, concurrency: int = 2) -> Worker:
    return Worker(scene.process, scene.recover, make_broker("memory://"), concurrency, "worker")


async def test_a_wake_up_makes_it_look_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """With polling as good as off, a recording is processed because somebody said so."""
    monkeypatch.setattr(module, "POLL_EVERY", timedelta(hours=1))
    scene = Scene()
    crew = worker(scene)
    async with crew.running():
        await asyncio.sleep(0)
        call = await scene.uploaded()
        await TaskiqWakeUps(crew.broker, MemoryTelemetry()).wake(scene.wake_ups.sent[0])
        assert await ended(scene, call.id) == "ready"


async def test_it_looks_without_a_wake_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """All wake-ups lost, everything still ends."""
    monkeypatch.setattr(module, "POLL_EVERY", timedelta(milliseconds=10))
    scene = Scene()
    async with worker(scene).running():
        calls = [await scene.uploaded() for _ in range(5)]
        assert {await ended(scene, call.id) for call in calls} == {"ready"}


async def test_it_outlives_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that is away, and an error of ours, are logged and the worker looks again."""
    monkeypatch.setattr(module, "POLL_EVERY", timedelta(milliseconds=10))
    scene = Scene()
    errors: list[Exception] = [RepositoryUnavailable("away"), RuntimeError("ours")] * 2
    real = scene.jobs.claim

    async def failing(*arguments: Any) -> object:
        if errors:
            raise errors.pop()
        return await real(*arguments)

    monkeypatch.setattr(scene.jobs, "claim", failing)
    async with worker(scene).running():
        assert await ended(scene, (await scene.uploaded()).id) == "ready"
    assert errors == []


async def test_it_works_on_so_many_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Concurrency is a bound, whatever number of wake-ups comes."""
    monkeypatch.setattr(module, "POLL_EVERY", timedelta(milliseconds=10))
    running, most = 0, 0

    async def look(_: Audio) -> object:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        return FACTS

    scene = Scene(Scripted(act=look))
    calls = [await scene.uploaded() for _ in range(8)]
    crew = worker(scene, 3)
    async with crew.running():
        for job_id in scene.wake_ups.sent * 3:
            await TaskiqWakeUps(crew.broker, MemoryTelemetry()).wake(job_id)
        assert {await ended(scene, call.id) for call in calls} == {"ready"}
    assert most == 3


async def test_stopping_hands_back_what_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """After its grace, a running job goes back to the queue without an attempt lost."""
    monkeypatch.setattr(module, "GRACE", timedelta(milliseconds=20))
    started = asyncio.Event()

    async def hang(_: Audio) -> object:
        started.set()
        await asyncio.Event().wait()
        return FACTS

    scene = Scene(Scripted(act=hang))
    await scene.uploaded()
    async with worker(scene).running():
        await started.wait()
    [stored] = scene.database.jobs.values()
    assert (stored.state, stored.job.attempt) == ("queued", 0)


async def test_what_comes_while_all_are_busy_is_left_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker without a free slot takes no wake-up from the broker, where an idle one would hear it."""
    monkeypatch.setattr(module, "POLL_EVERY", timedelta(hours=1))
    started, release = asyncio.Event(), asyncio.Event()

    async def work(_: Audio) -> object:
        started.set()
        await release.wait()
        return FACTS

    scene = Scene(Scripted(act=work))
    crew = worker(scene, 1)
    call = await scene.uploaded()
    async with crew.running():
        await started.wait()
        await TaskiqWakeUps(crew.broker, MemoryTelemetry()).wake(scene.wake_ups.sent[0])
        async with asyncio.timeout(1):
            assert await anext(heard(crew.broker)) == scene.wake_ups.sent[0]
        release.set()
        assert await ended(scene, call.id) == "ready"
