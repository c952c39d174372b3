"""What must go, and what must not."""

from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from calls_core.audit import AuditEntry
from calls_core.call import LegalHold
from calls_core.governance import ErasedCall, Erasure, ErasureId, Kept, Overdue
from calls_core.ports.idempotency import Receipt
from calls_core.recording import CallId


class LegalHolds(Protocol):
    """Calls that must not be erased. Any method may raise ``RepositoryUnavailable``."""

    @abstractmethod
    async def place(self, call_id: CallId, hold: LegalHold, entry: AuditEntry) -> None:
        """Hold the call, in place of the hold that it may have, and store *entry* with it.

        Raises:
            CallNotFound: no such call.
        """

    @abstractmethod
    async def lift(self, call_id: CallId, entry: AuditEntry) -> None:
        """Hold the call no longer; one that is not held stays as it is, without an *entry*.

        Raises:
            CallNotFound: no such call.
        """


class Retention(Protocol):
    """Finds what is too old. Calls that are held or being processed are left out. Any method may raise
    ``RepositoryUnavailable``."""

    @abstractmethod
    async def overdue(self, kept: Kept, before: datetime, limit: int) -> Sequence[CallId]:
        """Return the oldest calls of which *kept* was accepted before that moment and is still there."""

    @abstractmethod
    async def count(self, kept: Kept, before: datetime) -> Overdue:
        """Count them all, and beside them those that are held."""

    @abstractmethod
    async def expire_audio(self, call_id: CallId, entry: AuditEntry) -> bool:
        """Forget the audio and store *entry* with that; its bytes go on a hold that has ended. Return false, changing
        nothing, if the call is held, in work or gone, or has no audio any more."""

    @abstractmethod
    async def expire_transcript(self, call_id: CallId, entry: AuditEntry) -> bool:
        """Forget what was said, also in events; as ``expire_audio``."""


class Erasures(Protocol):
    """Orders to erase, with their receipts. Any method may raise ``RepositoryUnavailable``."""

    @abstractmethod
    async def add(self, erasure: Erasure, receipt: Receipt | None = None) -> None:
        """Store a new order, and the answer of *receipt* with it."""

    @abstractmethod
    async def get(self, erasure_id: ErasureId) -> Erasure:
        """Return an order with what was done.

        Raises:
            ErasureNotFound: no such order.
        """

    @abstractmethod
    async def unfinished(self) -> Sequence[Erasure]:
        """Return the orders that are not finished, oldest first."""

    @abstractmethod
    async def note(self, erasure_id: ErasureId, call: ErasedCall) -> None:
        """Write the line of one call, in place of the one that it may have."""

    @abstractmethod
    async def finish(self, erasure_id: ErasureId, at: datetime) -> None:
        """End the order, and forget its number."""
