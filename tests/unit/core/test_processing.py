"""What becomes of an accepted recording."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from calls_core.errors import (
    AiRefused,
    AiUnavailable,
    AnalysisFailed,
    CallsError,
    LeaseLost,
    NotAudio,
    RecordingNotFound,
    SourceRefused,
    SourceUnavailable,
    StorageUnavailable,
)
from calls_core.findings import Facts, Finding, Peaks, Segment, Signal, Transcript, Word
from calls_core.job import Patience, PullSource
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


async def test_a_pulled_recording_ends_ready() -> None:
    """The worker fetches, stores and processes what a URL gives."""
    scene = Scene()
    registered = await scene.pull(scene.details(), PullSource("https://pbx.example/1.wav", "1.wav"))
    assert registered.call.status == "processing"
    with pytest.raises(RecordingNotFound):
        await scene.calls.recording(registered.call.id)
    await scene.work_until_idle()
    assert (await scene.calls.get(registered.call.id)).status == "ready"
    assert (await scene.calls.recording(registered.call.id)).size_bytes == 8
    assert scene.database.holds == {}


async def test_a_pull_is_retried_or_ends_with_the_reason() -> None:
    """No answer is an outage; a refusal is final and is told."""
    scene = Scene()
    scene.source.error = SourceUnavailable("no answer")
    call = (await scene.pull(scene.details(), PullSource("https://pbx.example/1.wav", "1.wav"))).call
    await scene.process("worker")
    assert (await scene.calls.get(call.id)).status == "processing"
    scene.source.error = SourceRefused("404")
    scene.later(minutes=1)
    await scene.process("worker")
    failure = (await scene.calls.get(call.id)).failure
    assert failure is not None
    assert failure.code == "source-refused"


async def test_an_empty_or_huge_pull_is_refused() -> None:
    """What an upload may not be, a pull may not be either; nothing stays behind."""
    for pieces, code in (([], "empty-recording"), ([b"x" * 200], "too-large")):
        scene = Scene()
        scene.source.pieces = pieces
        call = (await scene.pull(scene.details(), PullSource("https://pbx.example/1.wav", "1.wav"))).call
        await scene.process("worker")
        failure = (await scene.calls.get(call.id)).failure
        assert failure is not None
        assert failure.code == code
        assert scene.database.holds == {}


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
