"""Exports at rest and in work, and how their files are written."""

from abc import abstractmethod
from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Protocol

from calls_core.call import Call
from calls_core.errors import Reason
from calls_core.exports import Archive, Export, ExportClaim, ExportId
from calls_core.findings import Transcript
from calls_core.ports.idempotency import Receipt
from calls_core.recording import CallId, Recording


class Exports(Protocol):
    """Orders for archives: like jobs, each is claimed with a fencing number, which every write of its builder carries.

    Once somebody else has claimed the export, or it is gone, such a write changes nothing and raises ``LeaseLost``.
    Any method may raise ``RepositoryUnavailable``.
    """

    @abstractmethod
    async def add(self, export: Export, receipt: Receipt | None = None) -> None:
        """Store a new export, and with it the answer of *receipt*; raise ``IdempotencyKeyInUse``, storing nothing,
        when its claim is lost."""

    @abstractmethod
    async def get(self, export_id: ExportId) -> Export:
        """Return one export.

        Raises:
            ExportNotFound: no such export.
        """

    @abstractmethod
    async def latest(self, limit: int, owner: str | None = None) -> Sequence[Export]:
        """Return the latest exports, of *owner* if one is given, latest first."""

    @abstractmethod
    async def claim(self, worker: str, lease: timedelta) -> ExportClaim | None:
        """Take the export that waits the longest; raise its attempt by one and begin its count anew.

        It must be due, have attempts left, and not have expired; a running one is due when its lease has ended.
        """

    @abstractmethod
    async def renew(self, claim: ExportClaim, lease: timedelta, calls_done: int, calls_total: int | None) -> None:
        """Make the lease end *lease* from now, and tell how far it is."""

    @abstractmethod
    async def enclose(self, claim: ExportClaim, call_ids: Collection[CallId]) -> None:
        """Note, before they are read, that the archive shall hold those of the calls that are there. When one of them
        is erased, an archive that is done fails as voided, and one in the making is begun anew."""

    @abstractmethod
    async def finish(self, claim: ExportClaim, archive: Archive, calls_done: int) -> None:
        """End it with its archive, and take away the hold that the archive was written under.

        Raises:
            UploadExpired: the hold is gone.
        """

    @abstractmethod
    async def fail(self, claim: ExportClaim, reason: Reason) -> None:
        """End it without an archive."""

    @abstractmethod
    async def put_back(self, claim: ExportClaim, delay: timedelta, *, burn_attempt: bool) -> None:
        """Queue it again, due after *delay*; with *burn_attempt* false, give back the attempt that the claim took."""

    @abstractmethod
    async def give_up(self, reason: Reason) -> int:
        """Fail, for *reason*, those that have no attempts left and that nobody works on; return how many."""

    @abstractmethod
    async def holders(self) -> Collection[str]:
        """Return the names of the workers that hold a lease."""

    @abstractmethod
    async def end_leases(self, workers: Collection[str]) -> None:
        """Make the leases that *workers* hold end now, since they are dead."""

    @abstractmethod
    async def remove(self, export_id: ExportId) -> None:
        """Forget the export. Its archive goes on a hold that has ended, so that the next sweep deletes it.

        Raises:
            ExportNotFound: no such export.
        """

    @abstractmethod
    async def remove_expired(self, limit: int) -> int:
        """Forget up to *limit* exports that have expired, as ``remove`` does; return how many."""


class ExportSheets(Protocol):
    """Writes what lies in an archive beside the audio, as the API shows it."""

    @abstractmethod
    def heading(self) -> bytes:
        """Return the first line of the manifest."""

    @abstractmethod
    def line(self, call: Call, recording: Recording | None, audio: str, transcript: str, note: str) -> bytes:
        """Return the line of one call: *audio* and *transcript* are names within the archive or empty; *note* tells
        why something is missing."""

    @abstractmethod
    def metadata(self, call: Call, recording: Recording | None, *, with_words: bool) -> bytes:
        """Return what is known of a call as one line of JSON; what was said only *with_words*."""

    @abstractmethod
    def transcript(self, transcript: Transcript) -> bytes:
        """Return what was said as text."""
