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
    |   |-- OriginalNeeded
    |   `-- UnknownHost
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

from calls_core.errors.analysis import AiAnswerInvalid as AiAnswerInvalid
from calls_core.errors.analysis import AiFailed as AiFailed
from calls_core.errors.analysis import AiRefused as AiRefused
from calls_core.errors.analysis import AnalysisFailed as AnalysisFailed
from calls_core.errors.analysis import AnalyzerCrashed as AnalyzerCrashed
from calls_core.errors.analysis import AnalyzerMissing as AnalyzerMissing
from calls_core.errors.analysis import AudioRefused as AudioRefused
from calls_core.errors.analysis import AudioTooComplex as AudioTooComplex
from calls_core.errors.analysis import AudioTooLong as AudioTooLong
from calls_core.errors.analysis import DeadlineExceeded as DeadlineExceeded
from calls_core.errors.analysis import DecoderDied as DecoderDied
from calls_core.errors.analysis import DecoderExhausted as DecoderExhausted
from calls_core.errors.analysis import ExportTooLarge as ExportTooLarge
from calls_core.errors.analysis import NeedsFailedStep as NeedsFailedStep
from calls_core.errors.analysis import NoAudioStream as NoAudioStream
from calls_core.errors.analysis import NotAudio as NotAudio
from calls_core.errors.analysis import RecordingLost as RecordingLost
from calls_core.errors.analysis import SourceRefused as SourceRefused
from calls_core.errors.analysis import StepTimedOut as StepTimedOut
from calls_core.errors.analysis import WorkerLost as WorkerLost
from calls_core.errors.conflicts import AccountsOff as AccountsOff
from calls_core.errors.conflicts import CallOnHold as CallOnHold
from calls_core.errors.conflicts import Conflict as Conflict
from calls_core.errors.conflicts import ExportNotReady as ExportNotReady
from calls_core.errors.conflicts import ExternalIdTaken as ExternalIdTaken
from calls_core.errors.conflicts import IdempotencyKeyInUse as IdempotencyKeyInUse
from calls_core.errors.conflicts import IllegalTransition as IllegalTransition
from calls_core.errors.conflicts import LastAdmin as LastAdmin
from calls_core.errors.conflicts import LeaseLost as LeaseLost
from calls_core.errors.conflicts import RecordingExists as RecordingExists
from calls_core.errors.conflicts import StaleCall as StaleCall
from calls_core.errors.conflicts import StillProcessing as StillProcessing
from calls_core.errors.conflicts import UploadConflict as UploadConflict
from calls_core.errors.conflicts import UsernameTaken as UsernameTaken
from calls_core.errors.deliveries import AddressRefused as AddressRefused
from calls_core.errors.deliveries import DeliveryFailed as DeliveryFailed
from calls_core.errors.deliveries import ReceiverFailing as ReceiverFailing
from calls_core.errors.deliveries import ReceiverGone as ReceiverGone
from calls_core.errors.deliveries import ReceiverRefused as ReceiverRefused
from calls_core.errors.deliveries import ReceiverUnreachable as ReceiverUnreachable
from calls_core.errors.invalid import DigestMismatch as DigestMismatch
from calls_core.errors.invalid import EmptyRecording as EmptyRecording
from calls_core.errors.invalid import IdempotencyKeyReused as IdempotencyKeyReused
from calls_core.errors.invalid import InvalidAccount as InvalidAccount
from calls_core.errors.invalid import InvalidCall as InvalidCall
from calls_core.errors.invalid import InvalidDestination as InvalidDestination
from calls_core.errors.invalid import InvalidInput as InvalidInput
from calls_core.errors.invalid import InvalidQuery as InvalidQuery
from calls_core.errors.invalid import TooLarge as TooLarge
from calls_core.errors.invalid import UnknownAnalyzer as UnknownAnalyzer
from calls_core.errors.invalid import UnsupportedExtension as UnsupportedExtension
from calls_core.errors.missing import ApiKeyNotFound as ApiKeyNotFound
from calls_core.errors.missing import AudioExpired as AudioExpired
from calls_core.errors.missing import CallNotFound as CallNotFound
from calls_core.errors.missing import DeliveryNotFound as DeliveryNotFound
from calls_core.errors.missing import DestinationNotFound as DestinationNotFound
from calls_core.errors.missing import ErasureNotFound as ErasureNotFound
from calls_core.errors.missing import EventsForgotten as EventsForgotten
from calls_core.errors.missing import Expired as Expired
from calls_core.errors.missing import ExportNotFound as ExportNotFound
from calls_core.errors.missing import ExportVoided as ExportVoided
from calls_core.errors.missing import LinkInvalid as LinkInvalid
from calls_core.errors.missing import NotFound as NotFound
from calls_core.errors.missing import NoTranscript as NoTranscript
from calls_core.errors.missing import NotRedacted as NotRedacted
from calls_core.errors.missing import NoWaveform as NoWaveform
from calls_core.errors.missing import RecordingNotFound as RecordingNotFound
from calls_core.errors.missing import TranscriptExpired as TranscriptExpired
from calls_core.errors.missing import UploadExpired as UploadExpired
from calls_core.errors.missing import UploadNotFound as UploadNotFound
from calls_core.errors.missing import UserNotFound as UserNotFound
from calls_core.errors.outages import AiUnavailable as AiUnavailable
from calls_core.errors.outages import AnswerAwaited as AnswerAwaited
from calls_core.errors.outages import IntakePaused as IntakePaused
from calls_core.errors.outages import PresignedUrlsUnavailable as PresignedUrlsUnavailable
from calls_core.errors.outages import RepositoryUnavailable as RepositoryUnavailable
from calls_core.errors.outages import SourceUnavailable as SourceUnavailable
from calls_core.errors.outages import StorageUnavailable as StorageUnavailable
from calls_core.errors.outages import Unavailable as Unavailable
from calls_core.errors.reasons import CallsError as CallsError
from calls_core.errors.reasons import FieldError as FieldError
from calls_core.errors.reasons import Reason as Reason
from calls_core.errors.rights import BadCredentials as BadCredentials
from calls_core.errors.rights import Forbidden as Forbidden
from calls_core.errors.rights import NotSignedIn as NotSignedIn
from calls_core.errors.rights import OriginalNeeded as OriginalNeeded
from calls_core.errors.rights import TooManyAttempts as TooManyAttempts
from calls_core.errors.rights import UnknownHost as UnknownHost
