"""``POST /audio/transcriptions`` of OpenAI's protocol (https://platform.openai.com/docs/api-reference/audio)."""

from typing import IO

import httpx2

from calls_adapters.ai.breaker import Breaker
from calls_adapters.ai.http import AiHttp
from calls_core.hookspecs import AiService


class TranscriptionClient:
    """Sends WAV files, one request each."""

    def __init__(self, service: AiService, breaker: Breaker) -> None:
        self._service = service
        self._http = AiHttp(service, breaker)

    def session(self) -> httpx2.AsyncClient:
        """Return connections for the pieces of one recording; use it as an async context manager."""
        return self._http.session()

    async def transcribe(self, session: httpx2.AsyncClient, wav: IO[bytes], idempotency_key: str) -> bytes:
        """Return the body of a good answer, which nobody has looked into yet; raise as ``AiHttp.ask`` does."""
        service = self._service
        fields = {
            "model": service.model,
            "response_format": "verbose_json",
            "timestamp_granularities[]": ["segment", "word"],
        }
        if service.language:
            fields["language"] = service.language
        _, body = await self._http.ask(
            session,
            "POST",
            "/audio/transcriptions",
            data=fields,
            files={"file": ("audio.wav", wav, "audio/wav")},
            headers={"Idempotency-Key": idempotency_key},
        )
        return body
