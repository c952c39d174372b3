"""Retention: what is too old goes, class by class, in small steps."""

import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from calls_core.audit import Action, Actor, AuditEntry
from calls_core.errors import CallNotFound, CallOnHold
from calls_core.governance import Kept, Overdue, RetentionRules
from calls_core.ports import Clock, NewId, Retention, Telemetry
from calls_core.recording import CallId
from calls_core.use_cases.erase_call import EraseCall

BATCH: Final = 100
RETENTION: Final = Actor(id="retention", name="retention")
"""Who erases what is too old, as the audit trail names it."""

_log = logging.getLogger("calls.retention")


@dataclass(frozen=True, slots=True)
class ExpireCalls:
    """Any number of copies may run: each step is a transaction that changes nothing when another was quicker."""

    retention: Retention
    erase: EraseCall
    rules: RetentionRules
    clock: Clock
    new_id: NewId
    telemetry: Telemetry

    async def __call__(self) -> Mapping[Kept, int]:
        """Do away with up to a hundred of each class; return how many there were."""
        done: dict[Kept, int] = {}
        for kept in (Kept.CALLS, Kept.AUDIO, Kept.TRANSCRIPTS):  # whole calls first: what is gone needs no other step
            before = self.rules.before(kept, self.clock())
            if before is None:
                continue
            overdue = await self.retention.overdue(kept, before, BATCH)
            done[kept] = sum([await self._expire(kept, call_id) for call_id in overdue])
            if done[kept]:
                self.telemetry.expired(kept, done[kept])
                _log.info("retention: %s of %d calls are gone", kept, done[kept])
        return done

    async def preview(self) -> Mapping[Kept, Overdue]:
        """Tell how much of each class would go by now."""
        limits = {kept: self.rules.before(kept, self.clock()) for kept in Kept}
        return {kept: await self.retention.count(kept, before) for kept, before in limits.items() if before}

    async def _expire(self, kept: Kept, call_id: CallId) -> bool:
        match kept:
            case Kept.CALLS:
                with suppress(CallNotFound, CallOnHold):
                    # What is a little too old may stay in archives: else none of all calls would ever be done.
                    await self.erase(call_id, RETENTION, archives=False)
                    return True
                return False
            case Kept.AUDIO:
                return await self.retention.expire_audio(call_id, self._entry(Action.AUDIO_EXPIRED, call_id))
            case Kept.TRANSCRIPTS:
                return await self.retention.expire_transcript(call_id, self._entry(Action.TRANSCRIPT_EXPIRED, call_id))

    def _entry(self, action: Action, call_id: CallId) -> AuditEntry:
        return AuditEntry(id=self.new_id(), at=self.clock(), action=action, actor=RETENTION, call_id=call_id)
