"""Ordering archives of many calls, and fetching them."""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from calls_core.accounts import Principal, Role
from calls_core.audit import Action, Actor
from calls_core.errors import ExportNotFound
from calls_core.exports import Archive, Export, ExportContent, ExportId
from calls_core.hearing import Hears
from calls_core.ports import Clock, Exports, NewId, RecordingStorage
from calls_core.ports.idempotency import Receipting
from calls_core.recording import CallId
from calls_core.search import CallFilter, concealed
from calls_core.use_cases.keep_audit import KeepAudit
from calls_core.use_cases.read_calls import require_askable

LISTED: Final = 100


@dataclass(frozen=True, slots=True)
class ExportRules:
    """How long an export is kept, and how many bytes its archive may have."""

    kept: timedelta = timedelta(days=7)
    max_bytes: int = 50 * 1024**3


@dataclass(frozen=True, slots=True)
class OrderExport:
    """Note that somebody wants an archive; a worker makes it."""

    exports: Exports
    audit: KeepAudit
    rules: ExportRules
    clock: Clock
    new_id: NewId

    async def __call__(
        self,
        wanted: CallFilter,
        call_ids: Sequence[CallId],
        contents: Collection[ExportContent],
        hears: Hears,
        by: Actor,
        receipting: Receipting[Export] | None = None,
    ) -> Export:
        """Return the new export.

        Raises:
            IdempotencyKeyInUse: the claim in the receipt was lost.
            OriginalNeeded: transcripts are searched for somebody who may not read them.
        """
        require_askable(wanted, hears)
        now = self.clock()
        export = Export(
            id=ExportId(self.new_id()),
            owner=by.id,
            wanted=wanted,
            call_ids=tuple(dict.fromkeys(call_ids)),
            contents=frozenset(contents),
            hears=hears,
            created_at=now,
            expires_at=now + self.rules.kept,
        )
        # First the trail: an archive that nobody knows of must not come to be.
        told = {"export": str(export.id), "contents": " ".join(sorted(export.contents))}
        await self.audit(Action.EXPORTED, by, details=told | _told(export))
        await self.exports.add(export, receipting(export) if receipting else None)
        return export


@dataclass(frozen=True, slots=True)
class FetchExport:
    """Look at exports, and fetch their archives. Everybody sees their own; an admin sees all.

    Every method with an id raises ``ExportNotFound``, also for those of others.
    """

    exports: Exports
    storage: RecordingStorage

    async def __call__(self, export_id: ExportId, by: Principal) -> Export:
        export = await self.exports.get(export_id)
        if by.role is not Role.ADMIN and export.owner != by.id:
            raise ExportNotFound(f"there is no export {export_id}; it may have expired")
        return export

    async def latest(self, by: Principal) -> Sequence[Export]:
        """Return the latest ones, latest first, a hundred at most."""
        return await self.exports.latest(LISTED, None if by.role is Role.ADMIN else by.id)

    async def remove(self, export_id: ExportId, by: Principal) -> None:
        """Remove the export and its archive; if it is being made, that ends."""
        await self.exports.remove((await self(export_id, by)).id)

    def archive(
        self, archive: Archive, start: int = 0, end: int | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Lend the bytes of *archive* from *start* up to and not including *end*."""
        return self.storage.read(archive.storage_key, start, end)


def _told(export: Export) -> dict[str, str]:
    """Return which calls are meant, as the audit trail tells it."""
    if export.call_ids:
        return {"calls": str(len(export.call_ids))}
    names = CallFilter.__dataclass_fields__
    given = {name: getattr(export.wanted, name) for name in names}
    told = {name: str(value) for name, value in given.items() if value is not None}
    return told | ({"query": concealed(told["query"])} if "query" in told else {})
