"""What is accepted, what is refused, and what refusals leave behind: nothing."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from calls_adapters.memory import MemoryCallRepository
from calls_core.errors import (
    CallNotFound,
    CallsError,
    DigestMismatch,
    EmptyRecording,
    ExternalIdTaken,
    IntakePaused,
    InvalidCall,
    RecordingExists,
    RepositoryUnavailable,
    StillProcessing,
    TooLarge,
    UnsupportedExtension,
    UploadExpired,
)
from calls_core.job import Patience, PullSource
from calls_core.ports import Acceptance, IntakeState
from calls_core.use_cases.attach_recording import AttachRecording
from tests.unit.core.conftest import Scene, chunks

pytestmark = pytest.mark.anyio


async def untouchable() -> AsyncIterator[bytes]:
    pytest.fail("the body was read although the answer was known")
    yield b""


async def test_the_same_call_again_is_the_same_call() -> None:
    """A retry with the same external_id and content is recognised; other content is refused."""
    scene = Scene()
    first = await scene.register(scene.details(external_id="x"))
    again = await scene.register(scene.details(external_id="x"))
    assert (first.is_new, again.is_new, again.call) == (True, False, first.call)
    with pytest.raises(ExternalIdTaken):
        await scene.register(scene.details(external_id="x", caller="another"))


async def test_a_paused_intake_creates_nothing() -> None:
    """While the switch is off, calls are refused with the reason, and come in again when it is on."""
    scene = Scene()
    await scene.intake.set(IntakeState(accepting=False, reason="maintenance"))
    with pytest.raises(IntakePaused, match="maintenance"):
        await scene.register(scene.details())
    with pytest.raises(IntakePaused):
        await scene.ingest(scene.details, "a.wav", untouchable())
    await scene.intake.set(IntakeState())
    assert (await scene.register(scene.details())).is_new


async def test_hopeless_uploads_are_refused_before_a_byte_is_read() -> None:
    """An unknown call, a taken one and a wrong name need no body to be refused."""
    scene = Scene()
    call = await scene.uploaded()
    with pytest.raises(RecordingExists):
        await scene.attach(call.id, "b.wav", untouchable())
    with pytest.raises(UnsupportedExtension):
        await scene.attach((await scene.register(scene.details())).call.id, "b.txt", untouchable())
    await scene.erase(call.id)
    with pytest.raises(CallNotFound):
        await scene.attach(call.id, "b.wav", untouchable())


@pytest.mark.parametrize(
    ("pieces", "sha256", "error"),
    [
        ([], None, EmptyRecording),
        ([b"x" * 60, b"x" * 60], None, TooLarge),
        ([b"x"], hashlib.sha256(b"y").hexdigest(), DigestMismatch),
    ],
)
async def test_refused_bytes_are_gone(pieces: list[bytes], sha256: str | None, error: type[Exception]) -> None:
    """A refused upload leaves neither bytes nor a hold, and the call can still take a recording."""
    scene = Scene()
    call = (await scene.register(scene.details())).call
    with pytest.raises(error):
        await scene.attach(call.id, "a.wav", chunks(*pieces), sha256)
    assert scene.database.holds == {}
    assert scene.storage.files == {}
    assert (await scene.attach(call.id, "a.wav", chunks(b"ok"))).size_bytes == 2


async def test_of_two_uploads_at_once_one_wins() -> None:
    """The second to end is refused and its bytes go."""
    scene = Scene()
    call = (await scene.register(scene.details())).call

    async def overtaken() -> AsyncIterator[bytes]:
        yield b"slow"
        await scene.attach(call.id, "fast.wav", chunks(b"fast"))

    with pytest.raises((RecordingExists, StillProcessing)):
        await scene.attach(call.id, "slow.wav", overtaken())
    assert (await scene.calls.recording(call.id)).filename == "fast.wav"
    assert list(scene.storage.files.values()) == [b"fast"]


async def test_an_upload_to_a_call_that_goes_away_is_refused() -> None:
    """The call was erased while the bytes were on their way: 404, and nothing is kept."""
    scene = Scene()
    call = (await scene.register(scene.details())).call

    async def outlived() -> AsyncIterator[bytes]:
        yield b"data"
        await scene.erase(call.id)

    with pytest.raises(CallNotFound):
        await scene.attach(call.id, "a.wav", outlived())
    assert scene.storage.files == {}


async def test_bytes_of_an_unknown_outcome_stay_until_the_hold_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """After an error at COMMIT the bytes are not deleted, since they may be a recording's; the sweep decides."""
    scene = Scene()
    call = (await scene.register(scene.details())).call

    async def lost_answer(_: Acceptance) -> None:
        msg = "connection lost"
        raise RepositoryUnavailable(msg)

    with monkeypatch.context() as patch:
        patch.setattr(scene.calls, "attach", lost_answer)
        with pytest.raises(RepositoryUnavailable):
            await scene.attach(call.id, "a.wav", chunks(b"data"))
    assert len(scene.storage.files) == 1
    await scene.recover("sweep")
    assert len(scene.storage.files) == 1
    scene.later(seconds=61)
    await scene.recover("sweep")
    assert scene.storage.files == {}
    scene.later(seconds=241)
    await scene.recover("sweep")
    assert scene.database.holds == {}


async def test_bytes_that_a_sleeper_writes_after_the_sweep_go_too() -> None:
    """A process that was asleep when its hold ended, writes its bytes and dies: the sweep comes back for them."""
    scene = Scene()
    await scene.holds.hold("key", timedelta(seconds=60))
    scene.later(seconds=61)
    await scene.recover("sweep")
    await scene.storage.put("key", chunks(b"data"))
    await scene.recover("sweep")
    assert set(scene.storage.files) == {"key"}
    scene.later(seconds=241)
    await scene.recover("sweep")
    assert (scene.storage.files, scene.database.holds) == ({}, {})


async def test_an_upload_that_outlived_its_hold_is_refused() -> None:
    """Once the sweep has taken bytes for abandoned, no transaction can make them a recording."""
    scene = Scene()
    call = (await scene.register(scene.details())).call

    async def stalled() -> AsyncIterator[bytes]:
        yield b"data"
        scene.later(seconds=61)
        await scene.recover("sweep")

    with pytest.raises(UploadExpired):
        await scene.attach(call.id, "a.wav", stalled())
    await scene.recover("sweep")
    assert scene.storage.files == {}


def in_a_hurry(scene: Scene) -> AttachRecording:
    """Attach with a hold that is renewed every ten milliseconds."""
    patience = Patience(timedelta(milliseconds=30))
    return replace(scene.attach, receive=replace(scene.receive, patience=patience))


async def test_an_upload_keeps_its_hold_as_long_as_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the last byte is durable the hold is renewed again and again, whether bytes flow or not."""
    scene = Scene()
    call = (await scene.register(scene.details())).call
    renewed: list[timedelta] = []
    often = asyncio.Event()

    async def renew(_: str, duration: timedelta) -> None:
        renewed.append(duration)
        if len(renewed) == 3:
            often.set()

    async def slow() -> AsyncIterator[bytes]:
        yield b"x"
        await often.wait()

    monkeypatch.setattr(scene.holds, "renew", renew)
    assert (await in_a_hurry(scene)(call.id, "a.wav", slow())).size_bytes == 1
    assert set(renewed) == {timedelta(milliseconds=30)}


@pytest.mark.parametrize(
    ("error", "asked"), [(UploadExpired("gone"), 1), (RepositoryUnavailable("down"), 2)], ids=["gone", "down"]
)
async def test_an_upload_whose_hold_is_lost_ends(
    error: CallsError, asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hold that is gone, or cannot be renewed twice, ends the upload with that error, and its bytes go."""
    scene = Scene()
    call = (await scene.register(scene.details())).call
    times = 0

    async def renew(_key: str, _duration: timedelta) -> None:
        nonlocal times
        times += 1
        raise error

    async def endless() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.Event().wait()

    monkeypatch.setattr(scene.holds, "renew", renew)
    with pytest.raises(type(error)):
        await in_a_hurry(scene)(call.id, "a.wav", endless())
    assert times == asked
    assert scene.storage.files == {}


async def test_ingest_is_all_or_nothing() -> None:
    """Fields that turn out wrong after the file leave neither call nor bytes; right ones make both at once."""
    scene = Scene()
    with pytest.raises(InvalidCall):
        await scene.ingest(lambda: scene.details(caller=""), "a.wav", chunks(b"data"))
    assert (scene.database.calls, scene.storage.files, scene.database.holds) == ({}, {}, {})
    ingested = await scene.ingest(lambda: scene.details(external_id="x"), "a.wav", chunks(b"data"))
    assert ingested.call.status == "processing"
    again = await scene.ingest(lambda: scene.details(external_id="x"), "a.wav", chunks(b"data"))
    assert (again.is_new, again.call.id) == (False, ingested.call.id)
    assert len(scene.storage.files) == 1
    assert scene.event_types == ["call.created", "recording.attached"]


async def test_two_who_bring_the_recording_of_one_call_at_once() -> None:
    """Who was second by a moment is told what a later repetition would be: the same call, or that another has it."""
    scene = Scene()
    details = scene.details(external_id="x")
    call = (await scene.register(details)).call

    class Overtaken(MemoryCallRepository):
        async def attach(self, acceptance: Acceptance) -> None:
            await scene.attach(call.id, "a.wav", chunks(b"data"))
            await super().attach(acceptance)

    second = replace(scene.ingest, calls=Overtaken(scene.database))
    outcome = await second(lambda: details, "a.wav", chunks(b"data"))
    assert (outcome.is_new, outcome.call.id, outcome.call.status) == (False, call.id, "processing")
    assert (list(scene.storage.files.values()), scene.database.holds) == ([b"data"], {})


async def test_no_audio_is_dropped_for_its_external_id() -> None:
    """A call that was registered without a recording gets the one that comes; other audio than it has is refused."""
    scene = Scene()
    details = scene.details(external_id="x")
    registered = await scene.register(details)
    with pytest.raises(ExternalIdTaken, match="waits for its file"):
        await scene.pull(details, PullSource("https://pbx.example/a.wav", "a.wav"))
    ingested = await scene.ingest(lambda: details, "a.wav", chunks(b"data"))
    assert (ingested.call.id, ingested.call.status, ingested.is_new) == (registered.call.id, "processing", True)
    assert scene.event_types == ["call.created", "recording.attached"]
    with pytest.raises(ExternalIdTaken, match="another"):
        await scene.ingest(lambda: details, "a.wav", chunks(b"more data"))
    assert list(scene.storage.files.values()) == [b"data"]
    fetched = scene.details(external_id="y")
    await scene.pull(fetched, PullSource("https://pbx.example/a.wav", "a.wav"))
    with pytest.raises(StillProcessing):
        await scene.ingest(lambda: fetched, "a.wav", chunks(b"data"))
    assert (len(scene.storage.files), scene.database.holds) == (1, {})


async def test_an_erased_call_leaves_a_receipt_and_nothing_else() -> None:
    """Rows, findings, jobs, bytes and earlier events are gone; what was done is on record."""
    scene = Scene()
    call = await scene.uploaded()
    await scene.erase(call.id)
    with pytest.raises(CallNotFound):
        await scene.calls.get(call.id)
    assert scene.event_types == ["call.deleted"]
    assert scene.storage.files == {}
    assert scene.database.jobs == {}
    with pytest.raises(CallNotFound):
        await scene.erase(call.id)
