"""The audio for those who may not hear the original."""

import io
import wave
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from calls_core.call import CallStatus
from calls_core.errors import CallsError, DecoderDied, NotAudio, RecordingNotFound, StorageUnavailable
from calls_core.findings import Finding, MutedSpan, Redaction, Transcript
from calls_core.hearing import Hears, recording_for
from calls_core.ports import Audio, AudioDecoder
from calls_core.recording import StepStatus
from calls_core.testing import FakeDecoder, Sound, silence, stereo, tone
from calls_core.use_cases.make_redacted_copy import mute
from tests.unit.core.conftest import Scene, Scripted

pytestmark = pytest.mark.anyio

RATE = 8000


@dataclass
class Redacts(Scripted):
    name: str = "redact"
    spans: tuple[MutedSpan, ...] = ()

    async def analyze(self, audio: Audio) -> Finding:
        return Redaction(transcript=Transcript(text="***"), spans=self.spans)


@dataclass
class ReadsNoAudio(Redacts):
    reads_audio: bool = False


def span(start_sec: float, end_sec: float) -> MutedSpan:
    return MutedSpan(start_sec=start_sec, end_sec=end_sec, kind="card", channel=0)


def a_scene(decoder: AudioDecoder, *spans: MutedSpan) -> Scene:
    return Scene(Redacts(spans=spans), decoder=decoder)


async def stored(scene: Scene, key: str) -> bytes:
    async with scene.storage.read(key) as pieces:
        return b"".join([piece async for piece in pieces])


def planes(sound: Sound) -> Sequence["array[int]"]:
    return [array("h", plane) for plane in sound.planes]


@pytest.mark.parametrize("rate", [RATE, 48_000])
async def test_the_copy_is_silent_there_and_the_same_elsewhere(rate: int) -> None:
    """On all channels, to the sample; a WAV file at 16 kHz at most, as long as the original."""
    sound = stereo(tone(6.0, sample_rate_hz=rate), tone(5.0, dbfs=-12.0, sample_rate_hz=rate))
    scene = a_scene(FakeDecoder(sound), span(1.0, 2.0), span(3.9, 4.3))
    call = await scene.uploaded()
    await scene.process("worker")
    recording = await scene.calls.recording(call.id)
    copy = recording.redacted_copy
    assert (await scene.calls.get(call.id)).status is CallStatus.READY
    assert copy is not None
    data = await stored(scene, copy.storage_key)
    assert len(data) == copy.size_bytes
    with wave.open(io.BytesIO(data)) as file:
        kept_rate = min(rate, 16_000)
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, kept_rate)
        assert file.getnframes() == 6 * kept_rate
        heard = array("h", file.readframes(file.getnframes()))
    for channel in (0, 1):
        lane = heard[channel::2]
        for start, end in ((1.0, 2.0), (3.9, 4.3)):
            assert set(lane[int(start * kept_rate) : int(end * kept_rate)]) == {0}
        assert max(lane[int(2.01 * kept_rate) : int(3.89 * kept_rate)]) > 1000
    if rate == RATE:
        before, kept = planes(sound)[0], heard[0::2]
        assert kept[: RATE - 40] == before[: RATE - 40]
        assert kept[2 * RATE + 41 : 31_160] == before[2 * RATE + 41 : 31_160]
    assert not scene.database.holds
    assert recording_for(recording, Hears.REDACTED).storage_key == copy.storage_key


async def test_who_reads_transcripts_only_gets_a_copy_too() -> None:
    """As when the answer of an AI service came while nobody worked, or when this step alone runs again."""

    class Opening(FakeDecoder):
        def decode(self, path: Path, filename: str, *, sample_rate_hz: int | None = None) -> Any:
            path.read_bytes()
            return super().decode(path, filename, sample_rate_hz=sample_rate_hz)

    scene = Scene(ReadsNoAudio(spans=(span(0.1, 0.2),)), decoder=Opening(tone(1.0)))
    call = await scene.uploaded()
    await scene.process("worker")
    assert (await scene.calls.get(call.id)).status is CallStatus.READY
    assert (await scene.calls.recording(call.id)).redacted_copy is not None


async def test_nothing_to_mute_needs_no_copy() -> None:
    """The original is not even decoded."""
    scene = a_scene(FakeDecoder(tone(1.0), refusal=NotAudio("no")))
    call = await scene.uploaded()
    await scene.process("worker")
    recording = await scene.calls.recording(call.id)
    assert (recording.redacted_copy, (await scene.calls.get(call.id)).status) == (None, CallStatus.READY)
    assert recording_for(recording, Hears.REDACTED).storage_key == recording.storage_key


@pytest.mark.parametrize(("error", "attempts"), [(NotAudio("no audio"), 1), (DecoderDied("killed"), 5)])
async def test_without_a_copy_the_step_fails_and_nobody_hears(error: CallsError, attempts: int) -> None:
    """The finding is not kept either: a masked text beside an open recording would look safe."""
    scene = a_scene(FakeDecoder(tone(1.0), refusal=error), span(0.1, 0.2))
    call = await scene.uploaded()
    await scene.work_until_idle(minutes=10)
    recording = await scene.calls.recording(call.id)
    [step] = recording.steps
    assert (step.status, step.attempts, recording.findings) == (StepStatus.FAILED, attempts, {})
    assert recording_for(recording, Hears.REDACTED).storage_key == ""


async def test_a_full_storage_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with an upload: the step is done when there is room again, and no half copy is left."""
    scene = a_scene(FakeDecoder(tone(1.0)), span(0.1, 0.2))
    call = await scene.uploaded()
    put, refusals = scene.storage.put, [1, 2]

    async def full(key: str, chunks: Any) -> Any:
        if refusals:
            refusals.pop()
            raise StorageUnavailable("the disk is full")
        return await put(key, chunks)

    monkeypatch.setattr(scene.storage, "put", full)
    await scene.work_until_idle(minutes=10)
    recording = await scene.calls.recording(call.id)
    assert (await scene.calls.get(call.id)).status is CallStatus.READY
    assert recording.redacted_copy is not None
    scene.later(days=2)
    await scene.recover("worker")
    assert await stored(scene, recording.redacted_copy.storage_key)


async def test_a_copy_is_replaced_and_erased_with_its_call() -> None:
    """Reprocessing makes another one; the sweep deletes the first, and erasing the second."""
    scene = a_scene(FakeDecoder(tone(1.0)), span(0.1, 0.2))
    call = await scene.uploaded()
    await scene.process("worker")
    first = (await scene.calls.recording(call.id)).redacted_copy
    await scene.reprocess(call.id, force=True)
    await scene.process("worker")
    second = (await scene.calls.recording(call.id)).redacted_copy
    assert first is not None
    assert second not in {None, first}
    assert second is not None
    await scene.recover("worker")
    await scene.erase(call.id)
    for copy in (first, second):
        with pytest.raises(RecordingNotFound):
            await stored(scene, copy.storage_key)


def test_spans_over_the_edges_of_blocks_fade() -> None:
    """Wherever a block begins, the samples are those of one long block; no edge is a click."""
    whole = array("h", [1000] * 4000)
    mute(whole, 0, 1000, [span(1.0, 2.0), span(3.999, 9.0)])
    pieces = array("h")
    for begins in range(0, 4000, 7):
        piece = array("h", [1000] * min(7, 4000 - begins))
        mute(piece, begins, 1000, [span(1.0, 2.0), span(3.999, 9.0)])
        pieces.extend(piece)
    assert pieces == whole
    assert list(whole[994:1001]) == [1000, 1000, 800, 600, 400, 200, 0]
    assert list(whole[2000:2008]) == [0, 0, 200, 400, 600, 800, 1000, 1000]
    assert whole[3999] == 0


async def test_silence_stays_silence() -> None:
    """No samples at all make a file without any."""
    scene = a_scene(FakeDecoder(silence(0.0)), span(0.0, 9.0))
    call = await scene.uploaded()
    await scene.process("worker")
    copy = (await scene.calls.recording(call.id)).redacted_copy
    assert copy is not None
    assert copy.size_bytes == 44
