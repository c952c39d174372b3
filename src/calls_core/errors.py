"""Everything the core can refuse to do.

    CallsError
    |-- InvalidInput
    |   |-- InvalidCall
    |   |-- InvalidQuery
    |   |-- UnsupportedExtension
    |   |-- EmptyRecording
    |   |-- DigestMismatch
    |   |-- InvalidDestination
    |   |-- IdempotencyKeyReused
    |   |-- UnknownAnalyzer
    |   `-- InvalidAccount
    |-- TooLarge
    |-- NotFound
    |   |-- CallNotFound
    |   |-- DestinationNotFound
    |   |-- DeliveryNotFound
    |   |-- RecordingNotFound
    |   |-- UploadNotFound
    |   |-- LinkInvalid
    |   |-- NoWaveform
    |   |-- NoTranscript
    |   |-- NotRedacted
    |   |-- ExportNotFound
    |   |-- ErasureNotFound
    |   |-- UserNotFound
    |   `-- ApiKeyNotFound
    |-- Conflict
    |   |-- IllegalTransition
    |   |-- RecordingExists
    |   |-- ExternalIdTaken
    |   |-- StillProcessing
    |   |-- StaleCall
    |   |-- IdempotencyKeyInUse
    |   |-- UploadConflict
    |   |-- LeaseLost
    |   |-- ExportNotReady
    |   |-- CallOnHold
    |   |-- UsernameTaken
    |   |-- LastAdmin
    |   `-- AccountsOff
    |-- NotSignedIn
    |   `-- BadCredentials
    |-- Forbidden
    |   `-- OriginalNeeded
    |-- TooManyAttempts
    |-- AnswerAwaited
    |-- UploadExpired
    |-- EventsForgotten
    |-- Expired
    |   |-- AudioExpired
    |   |-- ExportVoided
    |   `-- TranscriptExpired
    |-- PresignedUrlsUnavailable
    |-- Unavailable
    |   |-- RepositoryUnavailable
    |   |-- StorageUnavailable
    |   |-- SourceUnavailable
    |   |-- AiUnavailable
    |   `-- IntakePaused
    |-- DeliveryFailed
    |   |-- ReceiverUnreachable
    |   |-- ReceiverRefused
    |   |-- AddressRefused
    |   |-- ReceiverGone
    |   `-- ReceiverFailing
    `-- AnalysisFailed
        |-- AudioRefused
        |   |-- NotAudio
        |   |-- NoAudioStream
        |   |-- AudioTooLong
        |   |-- AudioTooComplex
        |   `-- DecoderExhausted
        |-- DecoderDied
        |-- AnalyzerCrashed
        |-- AnalyzerMissing
        |-- StepTimedOut
        |-- RecordingLost
        |-- SourceRefused
        |-- AiRefused
        |   `-- AiFailed
        |-- AiAnswerInvalid
        |-- ExportTooLarge
        |-- WorkerLost
        |-- DeadlineExceeded
        `-- NeedsFailedStep

Adapters raise these and nothing else; whatever a library throws is chained with ``raise ... from``.
``code`` is public API: clients match on it, so it never changes. The docstring of a class is the title that
a client reads; the message says what to do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something failed, or what limits a finding: a stable *code* and a sentence for people."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong with an input. *pointer* is a JSON pointer (RFC 6901), such as ``/caller``."""

    pointer: str
    detail: str


class CallsError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "internal"

    @property
    def reason(self) -> Reason:
        """This error as data, to be stored with a call or a step."""
        return Reason(self.code, str(self))


class InvalidInput(CallsError):
    """The request cannot be understood."""

    code = "invalid"

    def __init__(self, message: str, errors: Sequence[FieldError] = ()) -> None:
        super().__init__(message)
        self.errors = tuple(errors)


class InvalidCall(InvalidInput):
    """The fields of the call are not valid."""

    code = "invalid-call"


class InvalidQuery(InvalidInput):
    """The search cannot be understood."""

    code = "invalid-query"


class UnsupportedExtension(InvalidInput):
    """Files with this extension are not accepted."""

    code = "unsupported-extension"


class EmptyRecording(InvalidInput):
    """The file holds no bytes."""

    code = "empty-recording"


class DigestMismatch(InvalidInput):
    """The bytes that arrived are not the bytes that were announced."""

    code = "digest-mismatch"


class IdempotencyKeyReused(InvalidInput):
    """The Idempotency-Key was used for another request."""

    code = "idempotency-key-reused"


class InvalidDestination(InvalidInput):
    """The destination is not valid."""

    code = "invalid-webhook"


class UnknownAnalyzer(InvalidInput):
    """The recording has no step of this name."""

    code = "unknown-analyzer"


class InvalidAccount(InvalidInput):
    """The fields of the account are not valid."""

    code = "invalid-account"


class TooLarge(CallsError):
    """The upload is larger than this service accepts."""

    code = "too-large"


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


class Conflict(CallsError):
    """The request does not fit the present state."""

    code = "conflict"


class IllegalTransition(Conflict):
    """A call in this status cannot do that."""

    code = "illegal-transition"


class RecordingExists(Conflict):
    """The call already has a recording."""

    code = "recording-exists"


class ExternalIdTaken(Conflict):
    """Another call with other content has this external_id."""

    code = "external-id-taken"


class StillProcessing(Conflict):
    """The recording is being processed."""

    code = "still-processing"


class StaleCall(Conflict):
    """The call was changed by someone else at the same time."""

    code = "stale-call"


class IdempotencyKeyInUse(Conflict):
    """A request with this Idempotency-Key is being answered."""

    code = "idempotency-key-in-use"


class UploadConflict(Conflict):
    """The upload does not stand where these bytes begin."""

    code = "upload-conflict"


class LeaseLost(Conflict):
    """Another worker holds the job by now."""

    code = "lease-lost"


class CallOnHold(Conflict):
    """The call is on a legal hold."""

    code = "legal-hold"


class ExportNotReady(Conflict):
    """The export has no archive."""

    code = "export-not-ready"


class UsernameTaken(Conflict):
    """Another user has this name."""

    code = "username-taken"


class LastAdmin(Conflict):
    """Nobody would be left to administer this service."""

    code = "last-admin"


class AccountsOff(Conflict):
    """This installation has no accounts."""

    code = "accounts-off"


class NotSignedIn(CallsError):
    """The request does not say who sends it, or cannot prove it."""

    code = "not-signed-in"


class BadCredentials(NotSignedIn):
    """User name or password are wrong."""

    code = "bad-credentials"


class Forbidden(CallsError):
    """Your rights do not reach that far."""

    code = "forbidden"


class OriginalNeeded(Forbidden):
    """This is only for those who may hear the original."""

    code = "original-needed"


class TooManyAttempts(CallsError):
    """Too many attempts to sign in."""

    code = "too-many-attempts"

    def __init__(self, message: str, *, retry_after: timedelta) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class AnswerAwaited(CallsError):
    """The work was handed to the AI service, and its answer has not come yet."""

    code = "answer-awaited"

    def __init__(self, message: str, *, key: str, look_again_after: timedelta) -> None:
        """*key* names the part of the step that the answer will be put into."""
        super().__init__(message)
        self.key = key
        self.look_again_after = look_again_after


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


class PresignedUrlsUnavailable(CallsError):
    """Recordings are not kept in S3 here."""

    code = "presigned-urls-unavailable"


class Unavailable(CallsError):
    """A part behind this service does not answer."""

    code = "unavailable"

    def __init__(self, message: str = "", *, retry_after: timedelta | None = None) -> None:
        """*retry_after* is how long the part has asked us to leave it alone."""
        super().__init__(message)
        self.retry_after = retry_after


class RepositoryUnavailable(Unavailable):
    """The database does not answer."""

    code = "database-unavailable"


class StorageUnavailable(Unavailable):
    """The audio storage does not answer."""

    code = "storage-unavailable"


class SourceUnavailable(Unavailable):
    """The address that the recording is pulled from does not answer."""

    code = "source-unavailable"


class AiUnavailable(Unavailable):
    """The AI service does not answer, or has too much to do."""

    code = "ai-unavailable"


class IntakePaused(Unavailable):
    """New calls are not accepted at the moment."""

    code = "intake-paused"


class DeliveryFailed(CallsError):
    """An event could not be delivered."""

    code = "delivery-failed"


class ReceiverUnreachable(DeliveryFailed):
    """The receiver did not answer."""

    code = "receiver-unreachable"


class ReceiverRefused(DeliveryFailed):
    """The receiver did not accept the event."""

    code = "receiver-refused"


class AddressRefused(DeliveryFailed):
    """The address of the receiver is not one that we dial."""

    code = "address-refused"


class ReceiverGone(DeliveryFailed):
    """The receiver said that it wants no more events."""

    code = "receiver-gone"


class ReceiverFailing(DeliveryFailed):
    """The receiver has failed for days."""

    code = "receiver-failing"


class AnalysisFailed(CallsError):
    """A step could not be done."""

    code = "analysis-failed"


class AudioRefused(AnalysisFailed):
    """The audio is not fit to be decoded; trying again would end the same way."""

    code = "audio-refused"


class NotAudio(AudioRefused):
    """The file is not audio in a format that we decode."""

    code = "not-audio"


class NoAudioStream(AudioRefused):
    """The file has no audio in it."""

    code = "no-audio-stream"


class AudioTooLong(AudioRefused):
    """The audio is longer than this service accepts."""

    code = "audio-too-long"


class AudioTooComplex(AudioRefused):
    """The audio has more channels or a higher sample rate than any telephone call."""

    code = "audio-too-complex"


class DecoderExhausted(AudioRefused):
    """Decoding passed its limit of time or memory."""

    code = "decoder-exhausted"


class DecoderDied(AnalysisFailed):
    """The decoder process died."""

    code = "decoder-died"


class AnalyzerCrashed(AnalysisFailed):
    """The analyzer raised an error of its own."""

    code = "analyzer-crashed"


class AnalyzerMissing(AnalysisFailed):
    """The analyzer of this step is not installed in the worker."""

    code = "analyzer-missing"


class StepTimedOut(AnalysisFailed):
    """The step did not end in time."""

    code = "step-timed-out"


class RecordingLost(AnalysisFailed):
    """The stored audio is missing or shorter than it was when it was accepted."""

    code = "recording-lost"


class SourceRefused(AnalysisFailed):
    """The recording cannot be pulled from its address."""

    code = "source-refused"


class AiRefused(AnalysisFailed):
    """The AI service refuses what we ask; trying again would end the same way."""

    code = "ai-refused"


class AiFailed(AiRefused):
    """The AI service took the work and could not do it."""

    code = "ai-failed"


class AiAnswerInvalid(AnalysisFailed):
    """The AI service answered something that makes no sense."""

    code = "ai-answer-invalid"


class ExportTooLarge(AnalysisFailed):
    """The archive would be larger than this service makes them."""

    code = "export-too-large"


class WorkerLost(AnalysisFailed):
    """Every worker that took this recording died."""

    code = "worker-lost"


class DeadlineExceeded(AnalysisFailed):
    """The recording could not be processed before its deadline."""

    code = "deadline-exceeded"


class NeedsFailedStep(AnalysisFailed):
    """A step that this one builds on failed."""

    code = "needs-failed-step"
