"""What must work for the service to work, asked by ``/health/ready`` and by ``calls doctor``."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from calls_adapters.sql.schema import is_current
from calls_app.settings import Settings
from calls_core.errors import RepositoryUnavailable
from calls_core.ports import AudioDecoder, JobQueue, RecordingStorage

Check = Callable[[], Awaitable[str]]
"""Returns a sentence about what works; raises an error that says what to do otherwise."""


@dataclass(frozen=True, slots=True)
class PartChecks:
    """The parts behind the service."""

    settings: Settings
    jobs: JobQueue
    storage: RecordingStorage
    decoder: AudioDecoder

    def for_health(self) -> Mapping[str, Check]:
        """Return the checks that are cheap enough to be asked every few seconds; the service needs all of them."""
        return {"database": self.database, "storage": self.local_storage, "queue": self.queue}

    def for_doctor(self) -> Mapping[str, Check]:
        return {**self.for_health(), "schema": self.schema, "decoder": self.decoding}

    async def database(self) -> str:
        await self.jobs.depth()
        return "answers"

    async def schema(self) -> str:
        if not await is_current(self.settings.database_url):
            msg = "the tables are not those of this release; run: calls migrate"
            raise RepositoryUnavailable(msg)
        return "up to date"

    async def local_storage(self) -> str:
        await self.storage.check()
        return f"{self.settings.recordings_dir} can be written to"

    async def queue(self) -> str:
        depth = await self.jobs.depth()
        note = "; REDIS_URL is not used by this release" if self.settings.redis_url else ""
        return f"in the database: {depth.get('queued', 0)} queued, {depth.get('running', 0)} running{note}"

    async def decoding(self) -> str:
        seconds = 0.0
        async with self.decoder.decode(sample_recording(), "sample.wav") as audio:
            async for block in audio:
                seconds += len(block[0]) / 2 / audio.sample_rate_hz
            return f"decoded {seconds:.1f} s of {audio.codec} in a child process"


def sample_recording() -> Path:
    """Return the recording that ships with the package."""
    return Path(str(files("calls_app") / "demo" / "sample.wav"))
