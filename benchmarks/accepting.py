"""A call and its recording, as the API accepts them, for benchmarks that go without the API."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from calls_core.call import Call, CallDetails
from calls_core.job import Job
from calls_core.ports import Acceptance
from calls_core.recording import CallId, Recording, RecordingId, Step


def new_acceptance(size_bytes: int, *steps: Step, due_since: timedelta = timedelta(0)) -> Acceptance:
    """Return a call whose job is due for *due_since*; its bytes are neither stored nor on hold."""
    now = datetime.now(UTC)
    details = CallDetails(caller="+79001234567", receiver="102", started_at=now)
    call = Call(id=CallId(uuid4()), details=details, created_at=now, updated_at=now).begin_processing(now)
    recording = Recording(
        id=RecordingId(uuid4()),
        call_id=call.id,
        filename="call.wav",
        media_type="audio/wav",
        size_bytes=size_bytes,
        sha256="0" * 64,
        storage_key=uuid4().hex,
        created_at=now,
        updated_at=now,
        steps=steps,
    )
    job = Job.new(uuid4(), call.id, now - due_since)
    return Acceptance(call=call, recording=recording, job=job, events=[], held_key=recording.storage_key)
