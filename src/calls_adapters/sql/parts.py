"""What steps have paid for or wait for, in a relational database."""

from typing import Final
from uuid import UUID

from sqlalchemy import bindparam, delete, func, literal_column, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from calls_adapters.sql.claims import lock
from calls_adapters.sql.database import Database
from calls_adapters.sql.tables.jobs import jobs
from calls_adapters.sql.tables.recordings import recordings, step_parts
from calls_adapters.sql.writing import overwriting
from calls_core.job import Claim, JobId
from calls_core.ports import StepParts
from calls_core.recording import CallId, RecordingId

_NAMED: Final = (
    (step_parts.c.recording_id == bindparam("recording"))
    & (step_parts.c.analyzer == bindparam("of"))
    & (step_parts.c.key == bindparam("named"))
)
_GET: Final = select(step_parts.c.content).where(_NAMED)
_DROP: Final = delete(step_parts).where(_NAMED)
_RECORDING: Final = select(recordings.c.id).where(recordings.c.call_id == bindparam("wanted_call"))


class SqlStepParts(StepParts):
    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, recording_id: RecordingId, analyzer: str, key: str) -> bytes | None:
        async with self._database.one() as connection:
            content: bytes | None = await connection.scalar(_GET, _name(recording_id, analyzer, key))
        return content

    async def keep(
        self, claim: Claim, recording_id: RecordingId, analyzer: str, key: str, content: bytes | None
    ) -> None:
        row = {"recording_id": recording_id, "analyzer": analyzer, "key": key, "content": content}
        async with self._database.write() as connection:
            await lock(connection, claim)
            if content is None:
                await connection.execute(_DROP, _name(recording_id, analyzer, key))
            else:
                await connection.execute(overwriting(step_parts, self._database.insert(step_parts)), row)

    async def answer(self, call_id: CallId, analyzer: str, key: str, content: bytes) -> JobId | None:
        async with self._database.write() as connection:
            # Workers lock the job before the parts. In the other order we could lock each other out.
            await connection.execute(select(jobs.c.id).where(jobs.c.call_id == call_id).with_for_update())
            recording_id = await connection.scalar(_RECORDING, {"wanted_call": call_id})
            if recording_id is None:
                return None
            place = update(step_parts).where(_NAMED, func.length(step_parts.c.content) == 0)
            await connection.execute(place.values(content=content), _name(recording_id, analyzer, key))
            return await self._hastened(connection, call_id, recording_id, analyzer, key)

    async def hasten(self, call_id: CallId, analyzer: str, key: str) -> JobId | None:
        async with self._database.write() as connection:
            recording_id = await connection.scalar(_RECORDING, {"wanted_call": call_id})
            if recording_id is None:
                return None
            return await self._hastened(connection, call_id, recording_id, analyzer, key)

    async def _hastened(
        self, connection: AsyncConnection, call_id: CallId, recording_id: UUID, analyzer: str, key: str
    ) -> JobId | None:
        if not await connection.scalar(_GET, _name(recording_id, analyzer, key)):
            return None
        queued = (jobs.c.call_id == call_id) & (jobs.c.state == literal_column("'queued'"))
        due = update(jobs).where(queued, jobs.c.run_at > self._database.now()).values(run_at=self._database.now())
        await connection.execute(due)
        found: UUID | None = await connection.scalar(select(jobs.c.id).where(queued))
        return JobId(found) if found else None


def _name(recording_id: UUID, analyzer: str, key: str) -> dict[str, object]:
    return {"recording": recording_id, "of": analyzer, "named": key}
