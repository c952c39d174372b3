"""What the use cases tell of themselves."""

import logging
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from uuid import uuid4

import pytest

from calls_core.errors import CallNotFound, NotAudio, SourceUnavailable, StorageUnavailable, UnsupportedExtension
from calls_core.job import PullSource
from calls_core.ports import IntakeState
from calls_core.recording import CallId
from tests.unit.core.conftest import Scene, Scripted, chunks

pytestmark = pytest.mark.anyio

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
MakeScene = Callable[..., Scene]


async def test_an_upload_and_its_processing_are_counted() -> None:
    """Its bytes, its step and its end, each once; no slot is busy afterwards."""
    scene = Scene()
    await scene.uploaded()
    await scene.work_until_idle()
    assert +scene.telemetry.counts == {
        ("uploads", "accepted"): 1,
        ("upload_bytes",): 8,
        ("steps", "scripted", "done"): 1,
        ("calls", "ready"): 1,
    }
    assert [span.name for span in scene.telemetry.spans] == ["store recording", "step scripted", "process recording"]


async def test_uploads_are_counted_by_how_they_end() -> None:
    """Refused for what they are, broken off by their sender, or in vain because a part of ours is down."""
    scene = Scene()
    call = (await scene.register(scene.details())).call

    async def hung_up() -> AsyncIterator[bytes]:
        yield b"RIFF"
        raise ConnectionError

    async def disk_full() -> AsyncIterator[bytes]:
        yield b"RIFF"
        raise StorageUnavailable("full")

    with pytest.raises(UnsupportedExtension):
        await scene.attach(call.id, "a.exe", chunks(b"MZ"))
    with pytest.raises(CallNotFound):
        await scene.attach(CallId(uuid4()), "a.wav", chunks(b"RIFF"))
    with pytest.raises(ConnectionError):
        await scene.attach(call.id, "a.wav", hung_up())
    with pytest.raises(StorageUnavailable):
        await scene.attach(call.id, "a.wav", disk_full())
    assert +scene.telemetry.counts == {
        ("uploads", "refused"): 2,
        ("uploads", "broken_off"): 1,
        ("uploads", "unavailable"): 1,
    }


async def test_bytes_count_when_they_are_kept() -> None:
    """An ingest that is sent twice is accepted twice, and its bytes are kept once; a paused intake accepts nothing."""
    scene = Scene()
    details = scene.details(external_id="x")
    for _ in range(2):
        await scene.ingest(lambda: details, "a.wav", chunks(b"RIFF", b"data"))
    await scene.intake.set(IntakeState(accepting=False))
    with pytest.raises(Exception, match="not accepted"):
        await scene.ingest(lambda: details, "a.wav", chunks(b"RIFF"))
    assert scene.telemetry.counts["upload_bytes",] == 8
    assert scene.telemetry.counts["uploads", "accepted"] == 2
    assert scene.telemetry.counts["uploads", "unavailable"] == 1


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(NotAudio("text"), "failed"), (ValueError("oops"), "crashed"), (SourceUnavailable("down"), "postponed")],
)
async def test_steps_are_counted_by_how_they_end(error: Exception, outcome: str) -> None:
    """Failed for good, crashed and tried again, or waiting for something that is down; the span names the code."""
    scene = Scene(Scripted().raises(error))
    await scene.uploaded()
    await scene.process("worker")
    assert scene.telemetry.counts["steps", "scripted", outcome] == 1
    step = next(span for span in scene.telemetry.spans if span.name == "step scripted")
    assert step.facts["outcome"] == outcome
    assert step.facts["error"] in {"not-audio", "analyzer-crashed", "source-unavailable"}


async def test_the_trace_goes_with_the_job() -> None:
    """Whatever makes a job, an upload, an ingest, a pull or a reprocessing, its processing continues the same trace."""
    scene = Scene()
    scene.telemetry.current = TRACEPARENT
    call = await scene.uploaded()
    await scene.ingest(lambda: scene.details(external_id="x"), "a.wav", chunks(b"RIFF"))
    await scene.pull(scene.details(external_id="y"), PullSource("https://pbx.example/a.wav", "a.wav"))
    await scene.work_until_idle()
    await scene.reprocess(call.id, force=True)
    await scene.work_until_idle()
    processed = [span for span in scene.telemetry.spans if span.name == "process recording"]
    assert [span.traceparent for span in processed] == [TRACEPARENT] * 4
    assert {span.facts["outcome"] for span in processed} == {"ready"}
    assert all({"call_id", "job_id", "attempt"} <= span.facts.keys() for span in processed)


async def test_the_sweep_tells_what_it_took_back_and_gave_up() -> None:
    """A lease that ended counts as requeued; a job past its deadline as given up, and its call as failed."""
    scene = Scene()
    await scene.uploaded()
    await scene.jobs.claim("dead", timedelta(minutes=1))
    scene.later(minutes=2)
    await scene.recover("sweep")
    assert scene.telemetry.counts["requeued",] == 1
    scene.later(days=2)
    await scene.recover("sweep")
    assert scene.telemetry.counts["given_up", "deadline-exceeded"] == 1
    assert scene.telemetry.counts["calls", "failed"] == 1


async def test_a_lost_lease_is_counted_and_an_erased_call_is_not() -> None:
    """Only the first is a sign of trouble; neither leaves its step as anything but what it was."""

    async def steal(_: object) -> object:
        scene.later(minutes=2)
        await scene.jobs.requeue_expired()
        return None

    scene = Scene(Scripted(act=steal))
    await scene.uploaded()
    await scene.process("worker")
    assert scene.telemetry.counts["lease_losses",] == 1

    other = Scene()
    call = await other.uploaded()
    jobs = dict(other.database.jobs)
    await other.erase(call.id)
    other.database.jobs |= jobs
    await other.process("worker")
    assert other.telemetry.counts["lease_losses",] == 0
    assert other.telemetry.spans[-1].facts["outcome"] == "erased"


async def test_the_end_of_a_job_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """It names job and call, says how it ended, and how long it took."""
    scene = Scene()
    call = await scene.uploaded()
    with caplog.at_level(logging.INFO, "calls.process"):
        await scene.work_until_idle()
    [line] = caplog.records
    assert line.getMessage().endswith(f"of call {call.id}: ready")
    assert line.__dict__["duration_ms"] >= 0
