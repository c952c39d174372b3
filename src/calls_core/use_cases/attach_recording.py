"""The recording of a call that is registered already."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from calls_core.errors import RecordingExists, RecordingNotFound
from calls_core.faultpoint import faultpoint
from calls_core.job import Job
from calls_core.ports import Acceptance, Analyzers, CallRepository, Clock, NewId, Receipting, Telemetry, Upload, WakeUps
from calls_core.recording import CallId, Recording
from calls_core.use_cases.receive_recording import Received, ReceiveRecording, attached, refusals_counted


@dataclass(frozen=True, slots=True)
class AttachRecording:
    """Accept the audio of a call and order its processing.

    The order matters. Bytes come first, so that an accepted recording always has its audio; then one transaction makes
    recording, steps, job and event; the wake-up comes last and may be lost, since workers look for jobs by themselves.
    """

    calls: CallRepository
    receive: ReceiveRecording
    analyzers: Analyzers
    wake_ups: WakeUps
    clock: Clock
    new_id: NewId
    telemetry: Telemetry

    async def __call__(
        self,
        call_id: CallId,
        filename: str,
        chunks: AsyncIterator[bytes],
        sha256: str | None = None,
        receipting: Receipting[Recording] | None = None,
    ) -> Recording:
        """Return the accepted recording: from here on it ends ready or failed, whatever dies.

        *chunks* are not touched when the call cannot take a recording.

        Raises:
            CallNotFound, RecordingExists: also when that came about while the bytes were on their way.
            IdempotencyKeyInUse: the claim in the receipt was lost.
            UploadExpired: the bytes stopped flowing for too long.
            And what ``ReceiveRecording`` raises.
        """
        with refusals_counted(self.telemetry):
            await self._require_none(call_id)
            async with self.receive(filename, chunks, sha256) as received:
                recording, job = await self._accept(call_id, received, receipting, None)
        await self._announce(recording, job)
        return recording

    async def accept(self, call_id: CallId, received: Received, *, upload: Upload) -> Recording:
        """Accept what was received already, and so finish *upload*. Raises as above."""
        with refusals_counted(self.telemetry):
            recording, job = await self._accept(call_id, received, None, upload)
        await self._announce(recording, job)
        return recording

    async def _announce(self, recording: Recording, job: Job) -> None:
        self.telemetry.upload_ended("accepted", recording.size_bytes)
        faultpoint("api.committed")
        await self.wake_ups.wake(job.id)

    async def _accept(
        self,
        call_id: CallId,
        received: Received,
        receipting: Receipting[Recording] | None,
        upload: Upload | None,
    ) -> tuple[Recording, Job]:
        call = await self.calls.get(call_id)
        now = self.clock()
        recording = received.recording(call_id, self.analyzers.plan, now)
        job = Job.new(self.new_id(), call_id, now, traceparent=self.telemetry.traceparent())
        await self._require_none(call_id)
        faultpoint("api.before_commit")
        await self.calls.attach(
            Acceptance(
                call=call.begin_processing(now),
                recording=recording,
                job=job,
                events=[attached(recording, self.new_id)],
                held_key=received.storage_key,
                receipt=receipting(recording) if receipting else None,
                upload=upload,
            )
        )
        return recording, job

    async def _require_none(self, call_id: CallId) -> None:
        try:
            found = await self.calls.recording(call_id)
        except RecordingNotFound:
            return
        msg = f"call {call_id} has the recording {found.filename!r} already; register another call for another one"
        raise RecordingExists(msg)
