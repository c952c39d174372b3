"""What would become of a recording, asked before its bytes are sent."""

from dataclasses import dataclass

from calls_core.call import CallDetails
from calls_core.errors import RecordingNotFound
from calls_core.formats import clean_filename, media_type_of, require_bytes
from calls_core.ports import CallRepository, Clock
from calls_core.recording import CallId
from calls_core.use_cases.ingest_call import require_same_audio
from calls_core.use_cases.receive_recording import UploadLimits
from calls_core.use_cases.register_call import ControlIntake, require_same_details


@dataclass(frozen=True, slots=True)
class Forecast:
    """*is_new* is false when call and recording are there already. *call_id* is that of the call which is there, which
    waits for this recording if *is_new*; None when it would be made."""

    call_id: CallId | None
    is_new: bool


@dataclass(frozen=True, slots=True)
class CheckIngest:
    """Tell what ``IngestCall`` would do, and do nothing."""

    calls: CallRepository
    limits: UploadLimits
    intake: ControlIntake
    clock: Clock

    async def __call__(self, details: CallDetails, filename: str, size_bytes: int, sha256: str) -> Forecast:
        """Return what would come of a file of that name, size and SHA-256 (lower-case hex), at this moment.

        Raises:
            What ``IngestCall`` would, as far as it does not lie in the bytes or in a storage that is down.
        """
        await self.intake.require_open()
        filename = clean_filename(filename)
        media_type_of(filename)
        self.limits.require_room(size_bytes)
        require_bytes(size_bytes, filename)
        if details.external_id is None or (call := await self.calls.holder(details.external_id)) is None:
            return Forecast(None, is_new=True)
        require_same_details(details, call)
        try:
            known = await self.calls.recording(call.id)
        except RecordingNotFound:
            call.begin_processing(self.clock())  # refuses while the recording is being fetched
            return Forecast(call.id, is_new=True)
        require_same_audio(call, known, sha256)
        return Forecast(call.id, is_new=False)
