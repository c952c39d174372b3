"""The trail of who did what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from calls_core.audit import AUDIT_PAGE_LIMIT, Action, Actor, AuditEntry, AuditFilter
from calls_core.errors import FieldError, InvalidQuery
from calls_core.ports import AuditLog, Clock, NewId
from calls_core.recording import CallId


@dataclass(frozen=True, slots=True)
class KeepAudit:
    """Write the audit trail and read it."""

    log: AuditLog
    clock: Clock
    new_id: NewId

    async def __call__(
        self,
        action: Action,
        actor: Actor,
        *,
        call_id: CallId | None = None,
        details: Mapping[str, str | bool] | None = None,
    ) -> None:
        """Record that *actor* did something."""
        entry = AuditEntry(
            id=self.new_id(), at=self.clock(), action=action, actor=actor, call_id=call_id, details=details or {}
        )
        await self.log.record(entry)

    async def page(self, wanted: AuditFilter, limit: int, before: UUID | None) -> Sequence[AuditEntry]:
        """Return entries, latest first, from the one before *before* on.

        Raises:
            InvalidQuery: *limit* is not from 1 to 200.
        """
        if not 1 <= limit <= AUDIT_PAGE_LIMIT:
            why = f"must be from 1 to {AUDIT_PAGE_LIMIT}"
            raise InvalidQuery(f"limit: {why}", [FieldError("/limit", why)])
        return await self.log.page(wanted, limit, before)
