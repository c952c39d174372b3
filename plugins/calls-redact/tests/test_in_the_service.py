"""The plugin in a running Calls, with its decoder, storage and database."""

import io
import wave
from array import array
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from calls_app.library import open_calls
from calls_core.call import CallStatus
from calls_core.findings import Finding, Segment, Transcript, Word
from calls_core.hearing import Hears
from calls_core.ports import Analyzer, Analyzers, Audio
from calls_core.recording import CallId
from calls_core.testing import stereo, tone
from calls_core.use_cases.read_calls import GetRecording
from calls_redact import RedactAnalyzer
from dishka import Provider, Scope

pytestmark = pytest.mark.anyio

SPOKEN = "it is four two four two 4242 4242 4242 thanks".split()  # noqa: SIM905 (as it is said)


@dataclass(frozen=True)
class Told:
    """Transcribes whatever comes in the same way: a word each half second, on the second channel."""

    name: str = "ai"
    version: str = "1"
    after: tuple[str, ...] = ()

    async def analyze(self, audio: Audio) -> Finding:
        words = tuple(
            Word(text=text, start_sec=place / 2, end_sec=place / 2 + 0.4) for place, text in enumerate(SPOKEN)
        )
        segment = Segment(start_sec=0, end_sec=5, text=" ".join(SPOKEN), channel=1, words=words)
        return Transcript(text=segment.text, segments=(segment,))


async def heard(find: GetRecording, call_id: CallId, hears: Hears) -> "array[int]":
    """The first channel's samples, as somebody hears them."""
    recording = await find.audible(call_id, hears)
    async with find.audio(recording) as pieces:
        data = b"".join([piece async for piece in pieces])
    with wave.open(io.BytesIO(data)) as file:
        return array("h", file.readframes(file.getnframes()))[:: file.getnchannels()]


async def test_viewers_hear_silence_where_the_number_is(tmp_path: Path) -> None:
    """And read stars there, also when that step alone runs again; whoever may, hears and reads the original."""
    path = stereo(tone(6.0), tone(6.0)).write_wav(tmp_path / "call.wav")
    analyzers: tuple[Analyzer, ...] = (Told(), RedactAnalyzer())
    overrides = Provider(scope=Scope.APP)
    overrides.provide(lambda: Analyzers(analyzers), provides=Analyzers, override=True)
    async with open_calls(tmp_path, overrides=[overrides]) as calls:
        call = await calls.register(caller="1", receiver="2", started_at=datetime.now(UTC))
        await calls.attach(call.id, path)
        assert (await calls.wait(call.id, seconds=30)).status is CallStatus.READY
        await calls.reprocess(call.id, ["redact"], force=True)
        assert (await calls.wait(call.id, seconds=30)).status is CallStatus.READY
        find = await calls.container.get(GetRecording)
        original, redacted = [await heard(find, call.id, hears) for hears in Hears]
        assert (await find.transcript(call.id, Hears.ORIGINAL)).text == " ".join(SPOKEN)
        assert (await find.transcript(call.id, Hears.REDACTED)).text == "it is *** *** *** *** *** *** *** thanks"
    assert len(original) == len(redacted) == 48_000
    assert set(redacted[8000:36_000]) == {0}
    assert max(original[8000:36_000]) > 1000
    assert redacted[:5900] == original[:5900]
    assert redacted[38_000:] == original[38_000:]
