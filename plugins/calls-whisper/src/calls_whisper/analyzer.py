"""The analyzer ``whisper``."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence

from calls_core.findings import Transcript
from calls_core.hookspecs import AnalysisOptions
from calls_core.ports import Audio

from calls_whisper.settings import WhisperSettings


class WhisperAnalyzer:
    """Cheap until it is used: the first recording loads the libraries, and the model, which all recordings share."""

    name = "whisper"
    version = "1"
    after: Sequence[str] = ("signal",)

    def __init__(self, settings: WhisperSettings, options: AnalysisOptions) -> None:
        self._settings = settings
        self._options = options
        self._loading = threading.Lock()
        self._transcribe: Callable[[Audio], Awaitable[Transcript]] | None = None

    async def analyze(self, audio: Audio) -> Transcript:
        transcribe = await asyncio.to_thread(self._loaded)
        return await transcribe(audio)

    def _loaded(self) -> Callable[[Audio], Awaitable[Transcript]]:
        with self._loading:
            if self._transcribe is None:
                # Here and not above: a process whose ANALYZERS leave this one out shall not pay for NumPy.
                from calls_whisper.engine import load_engine  # noqa: PLC0415
                from calls_whisper.sharing import SharedEngine  # noqa: PLC0415
                from calls_whisper.transcriber import Transcriber  # noqa: PLC0415

                engine = SharedEngine(lambda: load_engine(self._settings))
                self._transcribe = Transcriber(engine=engine, options=self._options, language=self._settings.language)
            return self._transcribe
