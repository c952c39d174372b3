"""A transcript by an OpenAI-compatible service."""

import hashlib
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace

import httpx2

from calls_adapters.ai.answer import Heard, heard, together
from calls_adapters.ai.breaker import Breaker
from calls_adapters.ai.client import TranscriptionClient
from calls_adapters.ai.cutting import Cut, cuts
from calls_adapters.ai.pieces import RATE_HZ, SHORTEST_SEC, longest_piece_sec, planned
from calls_core.errors import NeedsFailedStep
from calls_core.findings import Signal, Transcript
from calls_core.hookspecs import AiService
from calls_core.ports import Analyzer, Audio, Parts


class AiAnalyzer(Analyzer):
    """Sends each channel by itself, in pieces, and puts the answers together by time: the speaker is the channel.

    What a piece is called for the service, its idempotency key, follows from its samples and from what is asked about
    them. So it is the same in every attempt, in whichever process, and a service that honours keys never charges twice.
    Where it does not, the answers that came are kept as parts of the step.
    """

    name = "ai"
    after: Sequence[str] = ("signal",)

    def __init__(self, service: AiService, breaker: Breaker | None = None) -> None:
        self._service = service
        self.breaker = breaker or Breaker()
        self._client = TranscriptionClient(service, self.breaker)

    @property
    def version(self) -> str:
        return f"1 {self._service.model}"

    async def analyze(self, audio: Audio) -> Transcript:
        signal = next((found for found in audio.findings.values() if isinstance(found, Signal)), None)
        if signal is None:
            raise NeedsFailedStep("it cuts where the signal is silent: put signal into ANALYZERS and reprocess")
        service = self._service
        pieces = planned(signal, longest_piece_sec(service.max_piece_sec, service.max_upload_bytes))
        answers: dict[str, Heard] = {}
        caveat = None
        if pieces:
            self.breaker.require_closed()  # before anything is decoded in vain
            async with (
                audio.decoded(sample_rate_hz=RATE_HZ) as samples,
                self._client.session() as session,
                aclosing(cuts(samples, pieces)) as files,
            ):
                async for cut in files:
                    if cut.duration_sec >= SHORTEST_SEC:
                        key = self._key(cut)
                        answers[key] = await self._heard(session, cut, key, audio.parts)
                    audio.progress(cut.piece.end_sec / signal.duration_sec)
                caveat = samples.caveat
        return replace(together(answers.values(), service.language), caveat=caveat)

    async def _heard(self, session: httpx2.AsyncClient, cut: Cut, key: str, parts: Parts) -> Heard:
        if (known := await parts.get(key)) is not None:
            return heard(known, cut.piece, cut.duration_sec)
        body = await self._client.transcribe(session, cut.file, key)
        made = heard(body, cut.piece, cut.duration_sec)
        await parts.keep(key, body)
        return made

    def _key(self, cut: Cut) -> str:
        asked = f"{self._service.model}\n{self._service.language}\n{cut.piece}\n{cut.sha256}"
        return hashlib.sha256(asked.encode()).hexdigest()
