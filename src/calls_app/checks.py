"""What must work for the service to work, asked by ``/health/ready`` and by ``calls doctor``."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

from calls_adapters.ai.breaker import Breaker
from calls_adapters.sql.schema import is_current
from calls_adapters.taskiq.broker import BrokerUnavailable, MemoryBroker, WakeUpBroker
from calls_app.settings import Settings
from calls_core.errors import RepositoryUnavailable, Unavailable
from calls_core.hookspecs import AnalysisOptions
from calls_core.ports import Analyzers, AudioDecoder, JobQueue, RecordingStorage

BROKER_SECONDS: Final = 4.0

Check = Callable[[], Awaitable[str]]
"""Returns a sentence about what works; raises an error that says what to do otherwise."""


@dataclass(frozen=True, slots=True)
class PartChecks:
    """The parts behind the service."""

    settings: Settings
    jobs: JobQueue
    storage: RecordingStorage
    decoder: AudioDecoder
    broker: WakeUpBroker
    options: AnalysisOptions
    analyzers: Analyzers

    def for_health(self) -> Mapping[str, Check]:
        """Return the checks that are cheap enough to be asked every few seconds; the service needs all of them."""
        return {"database": self.database, "storage": self.audio, "queue": self.queue}

    def optional(self) -> Mapping[str, Check]:
        """Return the checks of parts that the service can do without."""
        broker = {} if isinstance(self.broker, MemoryBroker) else {"broker": self.wake_ups}
        return {**broker, "ai": self.ai_lately} if self.options.ai else broker

    def for_doctor(self) -> Mapping[str, Check]:
        checks = {**self.for_health(), "schema": self.schema, "decoder": self.decoding}
        return {**checks, "ai": self.ai} if self.options.ai else checks

    async def database(self) -> str:
        await self.jobs.depth()
        return "answers"

    async def schema(self) -> str:
        if not await is_current(self.settings.database_url):
            msg = "the tables are not those of this release; run: calls migrate"
            raise RepositoryUnavailable(msg)
        return "up to date"

    async def audio(self) -> str:
        await self.storage.check()
        place = f"the bucket {self.settings.s3_bucket}" if self.settings.s3_enabled else self.settings.recordings_dir
        return f"{place} can be written to"

    async def queue(self) -> str:
        depth = await self.jobs.depth()
        return f"in the database: {depth.get('queued', 0)} queued, {depth.get('running', 0)} running"

    async def wake_ups(self) -> str:
        try:
            async with asyncio.timeout(BROKER_SECONDS):
                return await self.broker.check()
        except (Unavailable, TimeoutError) as error:
            what = str(error) or f"no answer within {BROKER_SECONDS:g} seconds"
            msg = f"{what}; workers find their work every few seconds without it"
            raise BrokerUnavailable(msg) from error

    async def ai_lately(self) -> str:
        """What this process has seen of the AI service; nothing is asked."""
        for analyzer in self.analyzers.ordered:
            if isinstance(breaker := getattr(analyzer, "breaker", None), Breaker):
                breaker.require_closed()
        return "configured; this process has seen no outage that lasts"

    async def ai(self) -> str:
        """Not part of ``/health/ready``, where strangers could make us ask with our key as often as they like."""
        if self.options.ai is None:
            return "not configured"
        from calls_adapters.ai.http import AiHttp  # noqa: PLC0415 (HTTP clients are slow to load)

        return await AiHttp(self.options.ai, Breaker()).check()

    async def decoding(self) -> str:
        seconds = 0.0
        async with self.decoder.decode(sample_recording(), "sample.wav") as audio:
            async for block in audio:
                seconds += len(block[0]) / 2 / audio.sample_rate_hz
            return f"decoded {seconds:.1f} s of {audio.codec} in a child process"


def sample_recording() -> Path:
    """Return the recording that ships with the package."""
    return Path(str(files("calls_app") / "demo" / "sample.wav"))
