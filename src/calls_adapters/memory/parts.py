"""What steps have paid for or wait for, in memory."""

from calls_adapters.memory.database import JobState, MemoryDatabase
from calls_adapters.memory.jobs import MemoryJobQueue
from calls_core.job import Claim, JobId
from calls_core.ports import Clock, StepParts
from calls_core.recording import CallId, RecordingId


class MemoryStepParts(StepParts):
    def __init__(self, database: MemoryDatabase, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._jobs = MemoryJobQueue(database, clock)

    async def get(self, recording_id: RecordingId, analyzer: str, key: str) -> bytes | None:
        return self._database.parts.get((recording_id, analyzer, key))

    async def keep(
        self, claim: Claim, recording_id: RecordingId, analyzer: str, key: str, content: bytes | None
    ) -> None:
        self._jobs.held(claim)
        if content is None:
            self._database.parts.pop((recording_id, analyzer, key), None)
        else:
            self._database.parts[recording_id, analyzer, key] = content

    async def answer(self, call_id: CallId, analyzer: str, key: str, content: bytes) -> JobId | None:
        recording = self._database.recordings.get(call_id)
        if recording is not None and self._database.parts.get((recording.id, analyzer, key)) == b"":
            self._database.parts[recording.id, analyzer, key] = content
        return await self.hasten(call_id, analyzer, key)

    async def hasten(self, call_id: CallId, analyzer: str, key: str) -> JobId | None:
        recording = self._database.recordings.get(call_id)
        if recording is None or not self._database.parts.get((recording.id, analyzer, key)):
            return None
        for stored in self._database.jobs.values():
            if stored.job.call_id == call_id and stored.state is JobState.QUEUED:
                stored.run_at = min(stored.run_at, self._clock())
                return stored.job.id
        return None
