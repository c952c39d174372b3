"""An export: an order to put the recordings of many calls into one ZIP archive, and what became of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, NewType
from uuid import UUID

from calls_core.errors import ExportNotReady, ExportVoided, Reason
from calls_core.hearing import Hears
from calls_core.recording import CallId
from calls_core.search import CallFilter

ExportId = NewType("ExportId", UUID)

CALL_IDS_LIMIT: Final = 1000
BUILD_ATTEMPTS: Final = 5


class ExportContent(StrEnum):
    AUDIO = "audio"
    TRANSCRIPT = "transcript"
    METADATA = "metadata"


class ExportState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """The finished ZIP: where its bytes are kept, and their SHA-256 in lower-case hex."""

    storage_key: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """*call_ids*, if there are any, are the calls; else those that fit *wanted*.

    It belongs to *owner*, the id of a principal, and holds what this one *hears*. At *expires_at* it is removed with
    its archive, finished or not.
    """

    id: ExportId
    owner: str
    wanted: CallFilter
    contents: frozenset[ExportContent]
    hears: Hears
    created_at: datetime
    expires_at: datetime
    call_ids: tuple[CallId, ...] = ()
    state: ExportState = ExportState.QUEUED
    attempt: int = 0
    calls_total: int | None = None
    calls_done: int = 0
    archive: Archive | None = None
    failure: Reason | None = None

    @property
    def finished_archive(self) -> Archive:
        """The archive.

        Raises:
            ExportNotReady: there is none, yet or at all.
            ExportVoided: there was one.
        """
        if self.archive is not None:
            return self.archive
        if self.failure is not None and self.failure.code == ExportVoided.code:
            raise ExportVoided(self.failure.detail)
        if self.failure is not None:
            raise ExportNotReady(f"the export failed: {self.failure.detail}")
        raise ExportNotReady("the archive is still being made; look at the export until its state is done")


VOIDED: Final = ExportVoided("a call that was in the archive has been erased; order it again without that call").reason


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportClaim:
    """A worker's lease on an export: valid as long as nobody has claimed it with a higher *token* since."""

    export: Export
    token: int
    worker: str
