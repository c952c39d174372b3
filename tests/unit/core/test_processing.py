"""What becomes of an accepted recording."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from calls_core.errors import (
    AiRefused,
    AiUnavailable,
    AnalysisFailed,
    CallsError,
    NotAudio,
    StorageUnavailable,
)
from calls_core.findings import Facts, Finding, Peaks, Segment, Signal, Transcript, Word
from calls_core.ports import Audio
from tests.unit.core.conftest import FACTS, Scene, Scripted

pytestmark = pytest.mark.anyio

A_SIGNAL = Signal(
    duration_sec=1.0,
    codec="pcm_s16le",
    channels=1,
    sample_rate_hz=8000,
    silence_marks=(),
    levels_dbfs=((-20.0,),),
    peaks=Peaks(channels=1, sample_rate_hz=8000, samples_per_point=8, data=b"\0\0"),
)


def said(word: Word) -> Transcript:
    return Transcript(text="a", segments=(Segment(start_sec=0, end_sec=1, text="a", words=(word,)),))


async def test_an_upload_ends_ready() -> None:
    """Bytes in, one wake-up, one job, one finding, and the events in their order."""
    scene = Scene()
    call = await scene.uploaded()
    assert call.status == "processing"
    assert len(scene.wake_ups.sent) == 1
    assert await scene.work_until_idle() == 1
    recording = await scene.calls.recording(call.id)
    assert (await scene.calls.get(call.id)).status == "ready"
    assert recording.findings == {"scripted": FACTS}
    assert scene.event_types == ["call.created", "recording.attached", "call.ready"]
    assert scene.database.holds == {}


async def test_later_steps_see_earlier_findings() -> None:
    """An analyzer gets what the ones before it found, and the bytes under a harmless name."""
    seen: dict[str, Finding] = {}

    async def look(audio: Audio) -> Finding:
        seen.update(audio.findings)
        return Facts(values={"bytes": len(audio.path.read_bytes())})

    scene = Scene(Scripted("second", after=("first",), act=look), Scripted("first"))
    call = await scene.uploaded()
    await scene.work_until_idle()
    assert seen == {"first": FACTS}
    assert (await scene.calls.recording(call.id)).findings["second"] == Facts(values={"bytes": 8})


@pytest.mark.parametrize("refusal", [NotAudio("it is text"), AiRefused("no such model")], ids=lambda error: error.code)
async def test_what_is_refused_fails_at_once(refusal: CallsError) -> None:
    """What can never succeed is not tried again, and the other steps' findings stay."""
    scene = Scene(Scripted("good"), Scripted("bad").raises(refusal))
    call = await scene.uploaded()
    assert await scene.work_until_idle() == 1
    failed = await scene.calls.get(call.id)
    assert failed.failure is not None
    assert (failed.status, failed.failure.code) == ("failed", refusal.code)
    assert (await scene.calls.recording(call.id)).findings == {"good": FACTS}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ValueError("oops"), "analyzer-crashed"),
        (SystemExit(1), "analyzer-crashed"),
        (TimeoutError(), "analyzer-crashed"),
        (asyncio.CancelledError(), "analyzer-crashed"),
        (BaseExceptionGroup("several", [SystemExit(1)]), "analyzer-crashed"),
        (AnalysisFailed("no"), "analysis-failed"),
    ],
)
async def test_a_crashing_analyzer_is_tried_five_times(error: BaseException, code: str) -> None:
    """Errors of a plugin cost attempts, with growing pauses; then the call fails with the reason. Others ran once."""
    good = Scripted("good")
    bad = Scripted("bad").raises(error)
    scene = Scene(good, bad)
    call = await scene.uploaded()
    assert await scene.work_until_idle() == 1
    waiting = (await scene.calls.recording(call.id)).step("bad")
    assert (waiting.status, waiting.next_attempt_at) == ("pending", scene.now + timedelta(seconds=5))
    scene.later(minutes=15)
    assert await scene.work_until_idle(minutes=15) == 4
    ended = await scene.calls.get(call.id)
    assert ended.failure is not None
    assert (ended.status, ended.failure.code) == ("failed", code)
    assert (good.runs, bad.runs) == (1, 5)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"not": "a finding"}, "returned dict"),
        (Facts(values={"number": float("nan")}), "JSON object"),
        (Facts(values={"thing": object()}), "JSON object"),
        (Facts(values={"text": "\ud800"}), "JSON object"),
        (Facts(values={}, tags=["list"]), "tuple of strings"),  # type: ignore[arg-type]
        (Facts(values={}, tags=(1,)), "tuple of strings"),  # type: ignore[arg-type]
        (Facts(values={}, tags=("",)), "1 to 64 characters"),
        (Facts(values={}, tags=("a" * 65,)), "1 to 64 characters"),
        (Facts(values={}, tags=("a\nb",)), "control characters"),
        (Facts(values={}, tags=("a\ud800",)), "control characters"),
        (Facts(values={}, tags=(" a",)), "space around"),
        (Facts(values={}, tags=tuple(map(str, range(33)))), "at most 32 tags"),
        (Transcript(text="a\0b"), "without NUL"),
        (Transcript(text="a", segments=(Segment(start_sec=0, end_sec=float("inf"), text="a"),)), "finite"),
        (said(Word(text="a", start_sec=0, end_sec=float("nan"))), "finite"),
        (said(Word(text="\0", start_sec=0, end_sec=1)), "without NUL"),
        (replace(A_SIGNAL, duration_sec=float("nan")), "finite"),
        (replace(A_SIGNAL, levels_dbfs=((float("-inf"),),)), "finite"),
    ],
)
async def test_garbage_instead_of_a_finding_is_named(found: object, said: str) -> None:
    """A plugin that returns no sound finding fails its own step only, with a sentence for its author."""

    async def garbage(_: Audio) -> object:
        return found

    scene = Scene(Scripted("bad", act=garbage))
    call = await scene.uploaded()
    await scene.work_until_idle(minutes=15)
    error = (await scene.calls.recording(call.id)).step("bad").error
    assert error is not None
    assert said in error.detail


async def test_an_analyzer_that_is_gone_is_named() -> None:
    """A step whose analyzer is not installed in the worker fails by that name."""
    scene = Scene(Scripted("gone"))
    call = await scene.uploaded()
    object.__setattr__(scene.analyzers, "ordered", ())
    await scene.work_until_idle()
    failure = (await scene.calls.get(call.id)).failure
    assert failure is not None
    assert failure.code == "analyzer-missing"


async def test_who_is_down_may_say_how_long_to_wait() -> None:
    """What an outage asks for is heeded when it is longer than our own pause, up to an hour."""
    for asked, waited in [(1, 5), (70, 70), (99_999, 3600)]:
        scene = Scene(Scripted().raises(AiUnavailable("busy", retry_after=timedelta(seconds=asked))))
        call = await scene.uploaded()
        assert await scene.process("worker") is not None
        step = (await scene.calls.recording(call.id)).step("scripted")
        assert step.next_attempt_at == scene.now + timedelta(seconds=waited)
        scene.later(seconds=waited - 1)
        assert await scene.process("worker") is None
        scene.later(seconds=1)
        assert await scene.process("worker") is not None


async def test_an_outage_costs_no_attempt_but_ends_at_the_deadline() -> None:
    """Waiting for something outside goes on until 24 hours after acceptance, then the call fails with the reason."""
    scene = Scene(Scripted().raises(StorageUnavailable("down")))
    call = await scene.uploaded()
    assert await scene.work_until_idle(minutes=5) > 200
    [stored] = scene.database.jobs.values()
    assert stored.job.attempt == 0
    await scene.recover("sweep")
    failure = (await scene.calls.get(call.id)).failure
    assert failure is not None
    assert failure.code == "deadline-exceeded"


async def test_lost_audio_is_told() -> None:
    """When the bytes are gone, every open step fails with that reason, never in silence."""
    scene = Scene()
    call = await scene.uploaded()
    await scene.storage.delete((await scene.calls.recording(call.id)).storage_key)
    await scene.work_until_idle()
    failure = (await scene.calls.get(call.id)).failure
    assert failure is not None
    assert failure.code == "recording-lost"


async def test_a_failed_step_is_run_again_alone() -> None:
    """Reprocessing leaves succeeded steps alone."""
    good, bad = Scripted("good"), Scripted("bad").raises(NotAudio("no"))
    scene = Scene(good, bad)
    call = await scene.uploaded()
    await scene.work_until_idle()
    bad.act = None
    assert (await scene.reprocess(call.id)).status == "processing"
    await scene.work_until_idle()
    assert (await scene.calls.get(call.id)).status == "ready"
    assert (good.runs, bad.runs) == (1, 2)
