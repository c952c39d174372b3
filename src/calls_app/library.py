"""Calls as a library: the whole service inside a script, without HTTP."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
from dishka import AsyncContainer, Provider
from sqlalchemy import URL

from calls_app.at_work import at_work
from calls_app.container import make_container
from calls_app.settings import Settings
from calls_app.startup import prepare
from calls_core.call import Call, CallDetails, CallStatus, Direction
from calls_core.findings import JsonValue
from calls_core.hearing import Hears
from calls_core.recording import CallId, Recording
from calls_core.search import CallFilter, CallPage, PageRequest
from calls_core.use_cases.attach_recording import AttachRecording
from calls_core.use_cases.erase_call import EraseCall
from calls_core.use_cases.read_calls import ExportCalls, GetCall, GetRecording, SearchCalls
from calls_core.use_cases.register_call import RegisterCall
from calls_core.use_cases.reprocess_call import ReprocessCall

PIECE: Final = 1024 * 1024
LOOK_AGAIN_AFTER: Final = 0.1


@dataclass(frozen=True, slots=True)
class Calls:
    """What ``open_calls`` lends. Methods raise the errors of ``calls_core.errors``."""

    container: AsyncContainer

    async def register(
        self,
        *,
        caller: str,
        receiver: str,
        started_at: datetime,
        external_id: str | None = None,
        direction: Direction | None = None,
        agent: str | None = None,
        tags: Sequence[str] = (),
        metadata: Mapping[str, JsonValue] | None = None,
    ) -> Call:
        """Store the details of a call; the same ``external_id`` and content give the same call again."""
        register = await self.container.get(RegisterCall)
        details = CallDetails.checked(
            caller=caller,
            receiver=receiver,
            started_at=started_at,
            external_id=external_id,
            direction=direction,
            agent=agent,
            tags=tags,
            metadata=metadata,
        )
        return (await register(details)).call

    async def attach(self, call_id: CallId, path: Path, *, filename: str | None = None) -> Recording:
        """Accept the audio file at *path* as the recording of a call."""
        attach = await self.container.get(AttachRecording)
        return await attach(call_id, filename or path.name, pieces_of(path))

    async def wait(self, call_id: CallId, *, seconds: float = 3600) -> Call:
        """Return the call once it is ready or failed.

        Raises:
            TimeoutError: it is neither after *seconds*.
        """
        get = await self.container.get(GetCall)
        async with asyncio.timeout(seconds):
            # Whoever finishes it may be another process, so there is no event to wait for.
            while (call := await get(call_id, Hears.ORIGINAL)).status not in {CallStatus.READY, CallStatus.FAILED}:  # noqa: ASYNC110
                await asyncio.sleep(LOOK_AGAIN_AFTER)
        return call

    async def read(self, call_id: CallId) -> Call:
        return await (await self.container.get(GetCall))(call_id, Hears.ORIGINAL)

    async def recording(self, call_id: CallId) -> Recording:
        """Return the recording of a call, with its steps and findings."""
        return await (await self.container.get(GetRecording))(call_id, Hears.ORIGINAL)

    async def search(self, wanted: CallFilter | None = None, request: PageRequest | None = None) -> CallPage:
        """Return one page of the calls that fit, latest first."""
        return await (await self.container.get(SearchCalls))(
            wanted or CallFilter(), request or PageRequest(), Hears.ORIGINAL
        )

    async def export(self, wanted: CallFilter | None = None) -> AsyncIterator[Call]:
        """Yield every call that fits, latest first, in constant memory."""
        export = await self.container.get(ExportCalls)
        async for call in export(wanted or CallFilter(), Hears.ORIGINAL):
            yield call

    async def reprocess(self, call_id: CallId, analyzers: Sequence[str] = (), *, force: bool = False) -> Call:
        """Run the steps that failed, or those named, once more."""
        return await (await self.container.get(ReprocessCall))(call_id, analyzers, force=force)

    async def erase(self, call_id: CallId) -> None:
        """Remove a call and everything known about it."""
        await (await self.container.get(EraseCall))(call_id)


@asynccontextmanager
async def open_calls(
    folder: Path | None = None,
    *,
    settings: Settings | None = None,
    work: bool = True,
    overrides: Sequence[Provider] = (),
) -> AsyncIterator[Calls]:
    """Run the service in this process, for as long as an ``async with`` block lasts.

    Everything lives in *folder*, or where *settings* say (by default in ``data``). With *work* false, recordings are
    processed by workers elsewhere.
    """
    chosen = settings or Settings()
    if folder is not None:
        chosen = in_folder(chosen, folder)
    container = make_container(chosen, *overrides)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(container.close)
        await prepare(container, chosen)
        if work:
            await stack.enter_async_context(at_work(container))
        yield Calls(container)


def in_folder(settings: Settings, folder: Path) -> Settings:
    """Return *settings* with database and recordings in *folder*."""
    where = folder.absolute()
    database = URL.create("sqlite", database=str(where / "calls.db"))
    return msgspec.structs.replace(
        settings, database_url=database.render_as_string(), recordings_dir=where / "recordings"
    )


async def pieces_of(path: Path) -> AsyncIterator[bytes]:
    """Yield the bytes of a file, read off the event loop."""
    with await asyncio.to_thread(path.open, "rb") as file:
        while piece := await asyncio.to_thread(file.read, PIECE):
            yield piece
