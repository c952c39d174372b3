"""An import that only tells what it would do: the same way up to the point of writing, and nothing is written."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

import httpx2
import msgspec
from sqlalchemy.engine import make_url

from calls_adapters.memory import MemoryCallRepository, MemoryDatabase, MemoryIntakeSwitch
from calls_adapters.sql.schema import is_current
from calls_app.container import make_container
from calls_app.intake.receivers import Receiver, Refused, Taken, open_client, refused_or_away, told_by
from calls_app.settings import Settings, SettingsError
from calls_core.call import CallDetails
from calls_core.errors import ExternalIdTaken
from calls_core.recording import CallId
from calls_core.use_cases.check_ingest import CheckIngest, Forecast
from calls_core.use_cases.receive_recording import UploadLimits
from calls_core.use_cases.register_call import ControlIntake
from calls_http import wire

Ask: TypeAlias = Callable[[CallDetails, str, int, str], Awaitable[Forecast]]
"""As ``CheckIngest``."""


@dataclass(slots=True)
class Foreseen(Receiver):
    """Takes nothing. *ask* knows what is there already; what this import would have brought by then is *planned*: by
    ``external_id``, a digest of the call and its recording."""

    ask: Ask
    planned: dict[str, bytes] = field(default_factory=dict)

    async def take(self, details: CallDetails, path: Path) -> Taken:
        size_bytes, sha256 = await asyncio.to_thread(_measured, path)
        forecast = await self.ask(details, path.name, size_bytes, sha256)
        mark = hashlib.sha256(f"{sha256} {details}".encode()).digest()
        earlier = self.planned.setdefault(str(details.external_id), mark)
        if earlier != mark:
            msg = f"external_id {details.external_id!r} belongs to another recording or other fields of this import"
            raise Refused(ExternalIdTaken.code, msg)
        return Taken(str(forecast.call_id or ""), is_new=forecast.is_new and earlier is mark)


@asynccontextmanager
async def open_forecast(settings: Settings, url: str | None, api_key: str | None) -> AsyncIterator[Receiver]:
    """Lend what tells how the service at *url*, or, without one, that of *settings* would take recordings.

    Raises:
        SettingsError: the database of *settings* is not of this release.
        RepositoryUnavailable: it does not answer.
    """
    if url is not None:
        async with open_client(url, api_key) as client:
            yield Foreseen(lambda *file: _asked(client, *file))
    elif settings.is_embedded and not await asyncio.to_thread(_file_of(settings).exists):
        yield Foreseen(_here(_of_nothing(settings)))
    elif not await is_current(settings.database_url):
        raise SettingsError("DATABASE_URL: the tables are not those of this release; run: calls migrate")
    else:
        container = make_container(settings)
        try:
            yield Foreseen(_here(await container.get(CheckIngest)))
        finally:
            await container.close()


def _file_of(settings: Settings) -> Path:
    return Path(make_url(settings.database_url).database or "")


def _of_nothing(settings: Settings) -> CheckIngest:
    """Return what checks against the database that the first call would make."""
    nothing = MemoryDatabase()
    intake = ControlIntake(MemoryIntakeSwitch(nothing))
    limits = UploadLimits(settings.max_upload_bytes)
    return CheckIngest(MemoryCallRepository(nothing), limits, intake, lambda: datetime.now(UTC))


def _here(check: CheckIngest) -> Ask:
    async def ask(details: CallDetails, filename: str, size_bytes: int, sha256: str) -> Forecast:
        with refused_or_away():
            return await check(details, filename, size_bytes, sha256)

    return ask


async def _asked(
    client: httpx2.AsyncClient, details: CallDetails, filename: str, size_bytes: int, sha256: str
) -> Forecast:
    promised = wire.PromisedCall(
        caller=details.caller,
        receiver=details.receiver,
        started_at=details.started_at,
        external_id=details.external_id,
        direction=details.direction,
        agent=details.agent,
        tags=list(details.tags),
        metadata=dict(details.metadata),
        filename=filename,
        size_bytes=size_bytes,
        sha256=sha256,
    )
    headers = {"Content-Type": "application/json"}
    answer = await told_by(client.post("/calls/ingest/check", content=msgspec.json.encode(promised), headers=headers))
    forecast = msgspec.convert(answer.json(), wire.Forecast)
    return Forecast(CallId(forecast.call_id) if forecast.call_id else None, forecast.is_new)


def _measured(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return file.tell(), digest
