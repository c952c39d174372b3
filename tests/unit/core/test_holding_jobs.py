"""What holds a job, and what lets go of it: leases, workers that stop or die, wake-ups."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from calls_core.errors import (
    LeaseLost,
)
from calls_core.findings import Facts, Finding
from calls_core.job import Patience
from calls_core.ports import Audio
from tests.unit.core.conftest import FACTS, Scene, Scripted

pytestmark = pytest.mark.anyio


async def test_a_killer_recording_ends() -> None:
    """A recording that kills every worker is given up after five claims; none of them needs to report anything."""
    scene = Scene()
    call = await scene.uploaded()
    for _ in range(5):
        assert await scene.jobs.claim("doomed", Patience().lease) is not None
        scene.later(seconds=61)
        await scene.recover("sweep")
        scene.later(seconds=5)
    assert await scene.jobs.claim("doomed", Patience().lease) is None
    ended = await scene.calls.get(call.id)
    assert ended.failure is not None
    assert (ended.status, ended.failure.code) == ("failed", "worker-lost")
    assert scene.event_types[-1] == "call.failed"


async def test_a_fenced_worker_keeps_nothing() -> None:
    """A worker that slept past its lease finishes nothing: the next one's result stands."""
    scene = Scene()

    async def sleep_past_the_lease(_: Audio) -> Finding:
        scene.later(seconds=61)
        await scene.recover("sweep")
        scene.later(seconds=5)
        analyzer.act = None
        await scene.process("other")
        return Facts(values={"from": "the sleeper"})

    [analyzer] = scene.analyzers.ordered
    assert isinstance(analyzer, Scripted)
    analyzer.act = sleep_past_the_lease
    call = await scene.uploaded()
    await scene.process("sleeper")
    assert (await scene.calls.recording(call.id)).findings == {"scripted": FACTS}
    assert scene.event_types.count("call.ready") == 1


async def test_a_stopping_worker_hands_back() -> None:
    """Cancelled in the middle, a job is due at once for the next worker, and no attempt is lost."""
    started = asyncio.Event()

    async def hang(_: Audio) -> Finding:
        started.set()
        await asyncio.Event().wait()
        return FACTS

    analyzer = Scripted(act=hang)
    scene = Scene(analyzer)
    call = await scene.uploaded()
    running = asyncio.create_task(scene.process("stopping"))
    await started.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    [stored] = scene.database.jobs.values()
    assert (stored.state, stored.job.attempt) == ("queued", 0)
    analyzer.act = None
    await scene.process("next")
    assert (await scene.calls.get(call.id)).status == "ready"


async def test_a_lease_that_cannot_be_renewed_stops_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that loses its lease cancels what it does, whether or not the analyzer ever ends."""
    monkeypatch.setattr(Patience, "heartbeat", timedelta(milliseconds=1))
    cancelled = asyncio.Event()

    async def hang(_: Audio) -> Finding:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return FACTS

    scene = Scene(Scripted(act=hang))

    async def lost(*_: object) -> None:
        msg = "gone"
        raise LeaseLost(msg)

    monkeypatch.setattr(scene.jobs, "renew", lost)
    await scene.uploaded()
    assert await scene.process("worker") is not None
    assert cancelled.is_set()


async def test_a_deaf_analyzer_does_not_take_its_worker_along(monkeypatch: pytest.MonkeyPatch) -> None:
    """An analyzer that does not end when it is cancelled is left behind, and the worker goes on."""
    monkeypatch.setattr(Patience, "heartbeat", timedelta(milliseconds=5))
    let_go = asyncio.Event()

    async def deaf(_: Audio) -> Finding:
        while not let_go.is_set():
            try:
                await let_go.wait()
            except asyncio.CancelledError:
                continue
        return FACTS

    scene = Scene(Scripted(act=deaf))
    call = await scene.uploaded()

    async def gone(*_: object) -> None:
        await scene.erase(call.id)
        msg = "gone"
        raise LeaseLost(msg)

    monkeypatch.setattr(scene.jobs, "renew", gone)
    async with asyncio.timeout(5):
        assert await scene.process("worker") is not None
    let_go.set()


async def test_one_wake_up_too_many_does_nothing(scene: Callable[..., Scene]) -> None:
    """Wake-ups may be doubled, late, or about jobs that are long done."""
    house = scene()
    await house.uploaded()
    [job_id] = house.wake_ups.sent
    assert await house.process("worker", job_id) == job_id
    assert await house.process("worker", job_id) is None


async def test_forgotten_wake_ups_are_sent_again() -> None:
    """The sweep announces due jobs once a minute until somebody takes them."""
    scene = Scene()
    await scene.uploaded()
    scene.wake_ups.sent.clear()
    scene.later(seconds=61)
    await scene.recover("sweep")
    assert len(scene.wake_ups.sent) == 1
    await scene.recover("sweep")
    assert len(scene.wake_ups.sent) == 1


async def test_what_the_dead_held_is_taken_up_at_once() -> None:
    """When a worker is known to be dead, nobody waits for its lease to end; a living one is left alone."""
    scene = Scene()
    await scene.uploaded()
    await scene.uploaded()
    assert await scene.jobs.claim("alive", Patience().lease) is not None
    held = await scene.jobs.claim("dead", Patience().lease)
    assert held is not None
    scene.dead = {"dead"}
    assert (await scene.recover("sweep")).requeued == 1
    scene.later(seconds=5)
    assert await scene.work_until_idle() == 1
    assert (await scene.calls.get(held.job.call_id)).status == "ready"
    assert await scene.jobs.holders() == {"alive"}
