"""What is asked for is not there, or not any more."""

from calls_core.errors.reasons import CallsError


class NotFound(CallsError):
    """There is nothing here."""

    code = "not-found"


class CallNotFound(NotFound):
    """No call has this id."""

    code = "call-not-found"


class DestinationNotFound(NotFound):
    """No webhook has this id."""

    code = "webhook-not-found"


class DeliveryNotFound(NotFound):
    """No delivery has this id."""

    code = "delivery-not-found"


class RecordingNotFound(NotFound):
    """The call has no recording yet."""

    code = "recording-not-found"


class UploadNotFound(NotFound):
    """No upload has this id."""

    code = "upload-not-found"


class LinkInvalid(NotFound):
    """The address has expired, or was changed."""

    code = "link-invalid"


class NoWaveform(NotFound):
    """No analyzer has measured this recording."""

    code = "no-waveform"


class NoTranscript(NotFound):
    """No analyzer has transcribed this recording."""

    code = "no-transcript"


class NotRedacted(NotFound):
    """There is nothing of this recording that you may hear, or not yet."""

    code = "not-redacted"


class ErasureNotFound(NotFound):
    """There is no such erasure."""

    code = "erasure-not-found"


class ExportNotFound(NotFound):
    """There is no such export."""

    code = "export-not-found"


class UserNotFound(NotFound):
    """No user has this id."""

    code = "user-not-found"


class ApiKeyNotFound(NotFound):
    """No API key has this id."""

    code = "api-key-not-found"


class UploadExpired(CallsError):
    """The upload took too long and its bytes were cleared away."""

    code = "upload-expired"


class EventsForgotten(CallsError):
    """The events after this cursor are not kept any more."""

    code = "events-forgotten"


class Expired(CallsError):
    """It was too old to be kept."""

    code = "expired"


class AudioExpired(Expired):
    """The audio was too old to be kept."""

    code = "audio-expired"


class ExportVoided(Expired):
    """A call that is in the archive was erased, and the archive with it."""

    code = "export-voided"


class TranscriptExpired(Expired):
    """What was said was too old to be kept."""

    code = "transcript-expired"
