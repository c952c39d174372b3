"""Calls that must not be erased, whoever asks."""

from dataclasses import dataclass

from calls_core.audit import Action, Actor, AuditEntry
from calls_core.call import Call, LegalHold
from calls_core.errors import FieldError, InvalidInput
from calls_core.findings import label_faults
from calls_core.governance import REASON_LIMIT
from calls_core.hearing import Hears
from calls_core.ports import CallRepository, Clock, LegalHolds, NewId
from calls_core.recording import CallId
from calls_core.search import CallFilter
from calls_core.use_cases.read_calls import ExportCalls


@dataclass(frozen=True, slots=True)
class HoldCalls:
    """Place legal holds and lift them."""

    holds: LegalHolds
    calls: CallRepository
    found: ExportCalls
    clock: Clock
    new_id: NewId

    async def place(self, call_id: CallId, reason: str, by: Actor) -> Call:
        """Hold one call; return it.

        Raises:
            CallNotFound: no such call.
            InvalidInput: the reason is none.
        """
        hold = self._hold(reason, by)
        await self.holds.place(call_id, hold, self._entry(Action.HELD, call_id, by, hold.reason))
        return await self.calls.get(call_id)

    async def place_all(self, wanted: CallFilter, reason: str, by: Actor) -> int:
        """Hold all calls that fit; return how many. What this does may be repeated."""
        hold = self._hold(reason, by)
        held = 0
        async for call in self.found(wanted, Hears.ORIGINAL):
            await self.holds.place(call.id, hold, self._entry(Action.HELD, call.id, by, hold.reason))
            held += 1
        return held

    async def lift(self, call_id: CallId, by: Actor) -> None:
        """Hold one call no longer.

        Raises:
            CallNotFound: no such call.
        """
        await self.holds.lift(call_id, self._entry(Action.HOLD_LIFTED, call_id, by))

    def _hold(self, reason: str, by: Actor) -> LegalHold:
        text = reason.strip()
        if faults := list(label_faults(text, REASON_LIMIT)):
            raise InvalidInput(f"reason: {faults[0]}", [FieldError("/reason", why) for why in faults])
        return LegalHold(reason=text, since=self.clock(), by=by.name or by.id)

    def _entry(self, action: Action, call_id: CallId, by: Actor, reason: str | None = None) -> AuditEntry:
        details = {"reason": reason} if reason else {}
        return AuditEntry(id=self.new_id(), at=self.clock(), action=action, actor=by, call_id=call_id, details=details)
