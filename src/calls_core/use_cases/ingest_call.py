"""A call and its recording in one request."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from calls_core.call import Call, CallDetails, CallStatus
from calls_core.errors import ExternalIdTaken, RecordingExists, RecordingNotFound
from calls_core.formats import clean_filename, media_type_of
from calls_core.job import Job, PullSource
from calls_core.ports import Acceptance, Analyzers, CallRepository, Clock, NewId, Receipting, Telemetry, Upload, WakeUps
from calls_core.recording import Recording
from calls_core.use_cases.receive_recording import Received, ReceiveRecording, attached, refusals_counted
from calls_core.use_cases.register_call import ControlIntake, Registered, created, new_call, same_or_refused


@dataclass(frozen=True, slots=True)
class IngestCall:
    """Register a call and accept its audio: all or nothing."""

    calls: CallRepository
    receive: ReceiveRecording
    analyzers: Analyzers
    wake_ups: WakeUps
    intake: ControlIntake
    clock: Clock
    new_id: NewId
    telemetry: Telemetry

    async def __call__(
        self,
        details: Callable[[], CallDetails],
        filename: str,
        chunks: AsyncIterator[bytes],
        sha256: str | None = None,
        receipting: Receipting[Call] | None = None,
    ) -> Registered:
        """Return the call, processing; or, unchanged, the one that has the same ``external_id``, fields and audio. One
        that was registered without a recording gets this one.

        *details* and *receipting* are called when all *chunks* have come, because form fields may follow the file.

        Raises:
            ExternalIdTaken, IdempotencyKeyInUse, IntakePaused: as for ``RegisterCall``.
            StillProcessing: the recording of the call is being fetched.
            CallNotFound, StaleCall: the call with the ``external_id`` was deleted or changed in this very moment.
            And what *details* and ``ReceiveRecording`` raise.
        """
        with refusals_counted(self.telemetry):
            await self.intake.require_open()
            async with self.receive(filename, chunks, sha256) as received:
                outcome, job = await self._accept(details(), received, receipting, None)
        await self._announce(outcome, job, received)
        return outcome

    async def accept(self, details: CallDetails, received: Received, *, upload: Upload) -> Registered:
        """Accept what was received already, and so finish *upload*, unless the call is not new. Raises as above."""
        with refusals_counted(self.telemetry):
            await self.intake.require_open()
            outcome, job = await self._accept(details, received, None, upload)
        await self._announce(outcome, job, received)
        return outcome

    async def _announce(self, outcome: Registered, job: Job, received: Received) -> None:
        self.telemetry.upload_ended("accepted", received.size_bytes if outcome.is_new else 0)
        if outcome.is_new:
            await self.wake_ups.wake(job.id)

    async def _accept(
        self,
        details: CallDetails,
        received: Received,
        receipting: Receipting[Call] | None,
        upload: Upload | None,
    ) -> tuple[Registered, Job]:
        call = new_call(details, self.clock, self.new_id)
        now = call.created_at
        job = Job.new(self.new_id(), call.id, now, traceparent=self.telemetry.traceparent())
        recording = received.recording(call.id, self.analyzers.plan, now)
        processing = call.begin_processing(now)
        stored = await self.calls.ingest(
            Acceptance(
                call=processing,
                recording=recording,
                job=job,
                events=[created(call, self.new_id), attached(recording, self.new_id)],
                held_key=received.storage_key,
                receipt=receipting(processing) if receipting else None,
                upload=upload,
            )
        )
        outcome = same_or_refused(call, stored)
        if not outcome.is_new:
            return await self._accept_of(outcome.call, received, receipting, upload)
        return outcome, job

    async def _accept_of(
        self, call: Call, received: Received, receipting: Receipting[Call] | None, upload: Upload | None
    ) -> tuple[Registered, Job]:
        """Attach what was received to a call that was there before; drop it if that has the same already."""
        now = self.clock()
        job = Job.new(self.new_id(), call.id, now, traceparent=self.telemetry.traceparent())
        try:
            known = await self.calls.recording(call.id)
        except RecordingNotFound:
            recording = received.recording(call.id, self.analyzers.plan, now)
            processing = call.begin_processing(now)
            acceptance = Acceptance(
                call=processing,
                recording=recording,
                job=job,
                events=[attached(recording, self.new_id)],
                held_key=received.storage_key,
                receipt=receipting(processing) if receipting else None,
                upload=upload,
            )
            try:
                await self.calls.attach(acceptance)
            except RecordingExists:  # another sender was first in this very moment, perhaps with the same audio
                known = await self.calls.recording(call.id)
            else:
                return Registered(processing, is_new=True), job
        require_same_audio(call, known, received.sha256)
        await self.receive.discard(received.storage_key)
        return Registered(await self.calls.get(call.id), is_new=False), job


def require_same_audio(call: Call, known: Recording, sha256: str) -> None:
    """Return if the recording *known* of *call* has the bytes that are offered for its ``external_id``.

    Raises:
        ExternalIdTaken: they are others.
    """
    if known.sha256 != sha256:
        msg = f"external_id {call.details.external_id!r} belongs to call {call.id}, whose recording is another"
        raise ExternalIdTaken(msg)


@dataclass(frozen=True, slots=True)
class PullCall:
    """Register a call whose recording a worker shall fetch."""

    calls: CallRepository
    wake_ups: WakeUps
    intake: ControlIntake
    clock: Clock
    new_id: NewId
    telemetry: Telemetry

    async def __call__(
        self, details: CallDetails, source: PullSource, receipting: Receipting[Call] | None = None
    ) -> Registered:
        """Return the call, processing. A pull that fails for good ends ``failed`` with the reason.

        Raises:
            ExternalIdTaken, IdempotencyKeyInUse, IntakePaused: as for ``RegisterCall``.
            UnsupportedExtension: by the file name of *source*.
        """
        await self.intake.require_open()
        filename = clean_filename(source.filename)
        media_type_of(filename)
        call = new_call(details, self.clock, self.new_id)
        now = call.created_at
        job = Job.new(self.new_id(), call.id, now, PullSource(source.url, filename), self.telemetry.traceparent())
        processing = call.begin_processing(now)
        receipt = receipting(processing) if receipting else None
        stored = await self.calls.add_pulled(processing, job, [created(call, self.new_id)], receipt)
        outcome = same_or_refused(call, stored)
        if outcome.call.status is CallStatus.CREATED:
            msg = (
                f"external_id {details.external_id!r} belongs to call {stored.id}, which waits for its file; send that"
            )
            raise ExternalIdTaken(msg)
        if outcome.is_new:
            await self.wake_ups.wake(job.id)
        return outcome
