"""A recording that lies elsewhere, made ours."""

from dataclasses import dataclass

from calls_core.call import Call
from calls_core.errors import SourceUnavailable, UploadExpired
from calls_core.job import Claim, PullSource
from calls_core.ports import Acceptance, Analyzers, AudioSource, Clock, JobQueue, NewId, Telemetry
from calls_core.recording import Recording
from calls_core.use_cases.receive_recording import ReceiveRecording, attached, refusals_counted


@dataclass(frozen=True, slots=True)
class PullRecording:
    """Fetch the recording of a call that was registered with an address instead of a file."""

    jobs: JobQueue
    receive: ReceiveRecording
    source: AudioSource
    analyzers: Analyzers
    clock: Clock
    new_id: NewId
    telemetry: Telemetry

    async def __call__(self, claim: Claim, call: Call, source: PullSource) -> Recording:
        """Return the recording, accepted.

        Raises:
            LeaseLost: the job is somebody else's by now.
            Unavailable: the address, the storage or the database does not answer, or too slowly.
            CallsError: the recording is refused, and would be the next time.
        """
        try:
            with refusals_counted(self.telemetry):
                recording = await self._accepted(claim, call, source)
        except UploadExpired as expired:
            msg = f"the recording came in too slowly: {expired}"
            raise SourceUnavailable(msg) from expired
        self.telemetry.upload_ended("accepted", recording.size_bytes)
        return recording

    async def _accepted(self, claim: Claim, call: Call, source: PullSource) -> Recording:
        async with (
            self.source.fetch(source.url) as chunks,
            self.receive(source.filename, chunks) as received,
        ):
            recording = received.recording(call.id, self.analyzers.plan, self.clock())
            await self.jobs.accept_pulled(
                claim,
                Acceptance(
                    call=call,
                    recording=recording,
                    job=claim.job,
                    events=[attached(recording, self.new_id)],
                    held_key=received.storage_key,
                ),
            )
        return recording
