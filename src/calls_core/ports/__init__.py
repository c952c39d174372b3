"""What the core calls: Protocols whose docstrings are the contracts that every adapter is tested against."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from calls_core.ports.accounts import (
    ApiKeys,
    AuditLog,
    Passwords,
    SignInLimits,
    Token,
    TokenKind,
    Tokens,
    Users,
)
from calls_core.ports.analysis import (
    Analyzer,
    Analyzers,
    AnswerReader,
    Audio,
    AudioDecoder,
    DecodedAudio,
    Outside,
    Parts,
    Scratch,
)
from calls_core.ports.calls import Acceptance, CallRepository, CallSearch, IntakeState, IntakeSwitch, Stemmer
from calls_core.ports.deliveries import Deliveries, Destinations, Sender, Senders
from calls_core.ports.events import EventBodies, EventFeed, FeedEntry, Told
from calls_core.ports.exports import Exports, ExportSheets
from calls_core.ports.governance import Erasures, LegalHolds, Retention
from calls_core.ports.idempotency import (
    ANSWERS_KEPT,
    TOKEN_BITS,
    Answer,
    Answering,
    IdempotencyKeys,
    KeyClaim,
    KeyedAnswer,
    Receipt,
    Receipting,
)
from calls_core.ports.storage import AudioSource, PresignedUrl, RecordingStorage, StoredFile
from calls_core.ports.telemetry import DeliveryOutcome, Exchange, Fact, Span, StepOutcome, Telemetry, UploadOutcome
from calls_core.ports.uploads import Upload, UploadId, UploadPart, Uploads
from calls_core.ports.work import Holds, JobQueue, StepParts, WakeUps, WorkerIsDead

Clock: TypeAlias = Callable[[], datetime]
"""The present moment, in UTC."""

NewId: TypeAlias = Callable[[], UUID]
"""A new UUID, version 7: later ones sort after earlier ones."""

__all__ = [
    "ANSWERS_KEPT",
    "TOKEN_BITS",
    "Acceptance",
    "Analyzer",
    "Analyzers",
    "Answer",
    "AnswerReader",
    "Answering",
    "ApiKeys",
    "Audio",
    "AudioDecoder",
    "AudioSource",
    "AuditLog",
    "CallRepository",
    "CallSearch",
    "Clock",
    "DecodedAudio",
    "Deliveries",
    "DeliveryOutcome",
    "Destinations",
    "Erasures",
    "EventBodies",
    "EventFeed",
    "Exchange",
    "ExportSheets",
    "Exports",
    "Fact",
    "FeedEntry",
    "Holds",
    "IdempotencyKeys",
    "IntakeState",
    "IntakeSwitch",
    "JobQueue",
    "KeyClaim",
    "KeyedAnswer",
    "LegalHolds",
    "NewId",
    "Outside",
    "Parts",
    "Passwords",
    "PresignedUrl",
    "Receipt",
    "Receipting",
    "RecordingStorage",
    "Retention",
    "Scratch",
    "Sender",
    "Senders",
    "SignInLimits",
    "Span",
    "Stemmer",
    "StepOutcome",
    "StepParts",
    "StoredFile",
    "Telemetry",
    "Token",
    "TokenKind",
    "Tokens",
    "Told",
    "Upload",
    "UploadId",
    "UploadOutcome",
    "UploadPart",
    "Uploads",
    "Users",
    "WakeUps",
    "WorkerIsDead",
]
