"""Mistakes that a service like this is likely to have, each a small change of one part of the small world.

Many of them pass on a day without faults. ``test_checker.py`` says which violation tells of each.
"""

import hashlib
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from calls_adapters.memory import (
    MemoryCallRepository,
    MemoryCallSearch,
    MemoryDatabase,
    MemoryHolds,
    MemoryJobQueue,
    MemoryStorage,
)
from calls_adapters.memory.database import JobState, StoredHold, StoredJob
from calls_core.call import Call
from calls_core.errors import DigestMismatch, Unavailable
from calls_core.events import Event
from calls_core.job import Claim, JobId
from calls_core.ports import Acceptance, StoredFile
from calls_core.recording import CallId, Recording
from calls_core.search import CallFilter, CallPage, Cursor, PageRequest
from calls_core.use_cases.receive_recording import Received, ReceiveRecording
from tests.faults.history import FindingRow


class WriteBehind:
    """Keeps for later what should be done at once; a crash comes first now and then."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._later: list[Callable[[], None]] = []

    def catch_up(self) -> None:
        while self._later:
            self._later.pop(0)()

    def forget_unsynced(self) -> None:
        self._later.clear()


class AnswersBeforeSync(MemoryStorage):
    """Bytes are in the page cache only when the answer goes out."""

    def __init__(self) -> None:
        super().__init__()
        self._unsynced: set[str] = set()

    async def put(self, key: str, chunks: AsyncIterator[bytes]) -> StoredFile:
        stored = await super().put(key, chunks)
        self._unsynced = {key}
        return stored

    def forget_unsynced(self) -> None:
        for key in self._unsynced:
            self.files.pop(key, None)


class HashesFirstChunk(MemoryStorage):
    async def put(self, key: str, chunks: AsyncIterator[bytes]) -> StoredFile:
        seen: list[bytes] = []

        async def noting() -> AsyncIterator[bytes]:
            async for chunk in chunks:
                seen.append(chunk)
                yield chunk

        stored = await super().put(key, noting())
        return StoredFile(stored.size_bytes, hashlib.sha256(seen[0]).hexdigest())


class LosesLastByte(MemoryStorage):
    """Hashes what came in, and keeps one byte less."""

    async def put(self, key: str, chunks: AsyncIterator[bytes]) -> StoredFile:
        stored = await super().put(key, chunks)
        self.files[key] = self.files[key][:-1]
        return replace(stored, size_bytes=stored.size_bytes - 1)


class DiscardsWhenUnknown(ReceiveRecording):
    """Takes an error at COMMIT for a "no"."""

    @asynccontextmanager
    async def __call__(self, *given: Any, **named: Any) -> AsyncIterator[Received]:
        async with super().__call__(*given, **named) as received:
            try:
                yield received
            except Unavailable:
                await self.discard(received.storage_key)
                raise


class ComparesDigestTooLate(ReceiveRecording):
    @asynccontextmanager
    async def __call__(
        self, filename: str, chunks: AsyncIterator[bytes], sha256: str | None = None
    ) -> AsyncIterator[Received]:
        async with super().__call__(filename, chunks) as received:
            yield received
        if sha256 not in {None, received.sha256}:
            raise DigestMismatch("not the bytes that were announced")


class IgnoresHolds(MemoryDatabase):
    """Accepts bytes that the sweep has taken for abandoned."""

    def require_hold(self, key: str) -> None:
        self.holds.setdefault(key, StoredHold(until=datetime.max.replace(tzinfo=UTC)))


class ForgetsExternalIds(MemoryDatabase):
    def holder(self, external_id: str | None) -> Call | None:
        return None


class StoresJobLater(WriteBehind, MemoryCallRepository):
    """Recording and job are two transactions."""

    async def ingest(self, acceptance: Acceptance) -> Call:
        self.catch_up()
        stored = await super().ingest(acceptance)
        job = self._database.jobs.pop(acceptance.job.id, None)
        if job is not None:
            self._later.append(lambda: self._database.jobs.__setitem__(job.job.id, job))
        return stored

    async def get(self, call_id: CallId) -> Call:
        self.catch_up()
        return await super().get(call_id)


class TellsLater(WriteBehind, MemoryCallRepository):
    """Events are sent after the transaction, by the process that committed it."""

    async def ingest(self, acceptance: Acceptance) -> Call:
        self.catch_up()
        self._later.append(lambda: self._database.events.extend(acceptance.events))
        return await super().ingest(replace(acceptance, events=()))

    async def get(self, call_id: CallId) -> Call:
        self.catch_up()
        return await super().get(call_id)


class ErasesRowsOnly(MemoryCallRepository):
    """Leaves the bytes to the process that deletes the rows."""

    async def erase(self, call_id: CallId, event: Event, *by: Any, **archives: Any) -> None:
        key = (await self.recording(call_id)).storage_key
        await super().erase(call_id, event, *by, **archives)
        del self._database.holds[key]


class OnlyHides(MemoryCallRepository):
    async def erase(self, call_id: CallId, event: Event, *by: Any, **archives: Any) -> None:
        del by, archives
        await self.get(call_id)
        self._database.events.append(event)


class NoFencing(MemoryJobQueue):
    """A worker that was asleep writes as if it still held the job."""

    def held(self, claim: Claim) -> StoredJob:
        return self._database.jobs[claim.job.id]


class TellsBeforeItLooks(MemoryJobQueue):
    """Sends the event, and then finds that the lease is lost."""

    async def finish(self, claim: Claim, call: Call, *given: Any, **named: Any) -> None:
        recording, events = given
        self._database.events.extend(events)
        await super().finish(claim, call, recording, (), **named)


class StoresFindingsTwice(MemoryJobQueue):
    """Adds the findings of every save; nobody says that there is one of each."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.finding_rows: list[FindingRow] = []

    async def save_step(self, claim: Claim, recording: Recording, analyzer: str) -> None:
        await super().save_step(claim, recording, analyzer)
        self._add(recording)

    async def finish(self, claim: Claim, call: Call, *given: Any, **named: Any) -> None:
        await super().finish(claim, call, *given, **named)
        self._add(given[0])

    def _add(self, recording: Recording) -> None:
        self.finding_rows += [FindingRow(str(recording.call_id), name) for name in recording.findings]


class ForgetsAttempts(MemoryJobQueue):
    """A recording that kills its worker does so for ever."""

    async def requeue_expired(self, delay: timedelta = timedelta(0)) -> int:
        done = await super().requeue_expired(delay)
        for stored in self._database.jobs.values():
            if stored.state is JobState.QUEUED:
                stored.job = replace(stored.job, attempt=0)
        return done


class AcknowledgesFirst(MemoryJobQueue):
    """Takes the job off the queue when it is begun, as a broker does that acknowledges on receipt."""

    async def claim(self, worker: str, lease: timedelta, job_id: JobId | None = None) -> Claim | None:
        claim = await super().claim(worker, lease, job_id)
        if claim is not None:
            self._database.jobs[claim.job.id].state = JobState.DONE
        return claim

    def _held(self, claim: Claim) -> StoredJob:
        return self._database.jobs[claim.job.id]


class EndsCallOnly(MemoryJobQueue):
    """Says ready, and forgets the steps with what they found."""

    async def finish(self, claim: Claim, call: Call, *given: Any, **_: Any) -> None:
        await super().finish(claim, call, None, given[1])


class EndsJobFirst(WriteBehind, MemoryJobQueue):
    """The end of the job is one transaction, and that of the call the next."""

    async def finish(
        self,
        claim: Claim,
        call: Call,
        recording: Recording | None,
        events: Sequence[Event],
        *,
        fresh: Collection[str] = (),
    ) -> None:
        before = self._database.calls[call.id]
        await super().finish(claim, call, recording, events, fresh=fresh)
        self._database.calls[call.id] = before
        self._later.append(lambda: self._database.calls.__setitem__(call.id, call))

    async def claim(self, worker: str, lease: timedelta, job_id: JobId | None = None) -> Claim | None:
        self.catch_up()
        return await super().claim(worker, lease, job_id)


class ForgetsUploadsThatDied(MemoryHolds):
    """Drops what has ended before anybody has deleted the bytes."""

    async def expired(self, limit: int, again_after: timedelta) -> Sequence[str]:
        for key in await super().expired(limit, again_after):
            del self._database.holds[key]
        return []


class PagesOverlap(MemoryCallSearch):
    async def page(self, wanted: CallFilter, request: PageRequest) -> CallPage:
        page = await super().page(wanted, request)
        first = page.items[0]
        again = Cursor(started_at=first.details.started_at, id=first.id)
        return replace(page, next_cursor=again if page.next_cursor else None)
