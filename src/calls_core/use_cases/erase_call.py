"""The end of a call."""

import logging
from dataclasses import dataclass

from calls_core.audit import SYSTEM, Actor
from calls_core.errors import RecordingNotFound, Unavailable
from calls_core.events import Event, EventId, EventType
from calls_core.faultpoint import faultpoint
from calls_core.ports import CallRepository, Clock, Holds, NewId, RecordingStorage
from calls_core.recording import CallId

_log = logging.getLogger("calls.erase")


@dataclass(frozen=True, slots=True)
class EraseCall:
    """Remove a call with everything we know about it: rows first, then bytes, so that no row points at nothing."""

    calls: CallRepository
    storage: RecordingStorage
    holds: Holds
    clock: Clock
    new_id: NewId

    async def __call__(self, call_id: CallId, by: Actor = SYSTEM, *, archives: bool = True) -> None:
        """Erase the call; a receipt stays in the audit log, which says *by* whom. Without *archives*, those that were
        exported with it stay until they expire.

        Raises:
            CallNotFound: no such call.
            CallOnHold: somebody holds it.
        """
        try:
            found = await self.calls.recording(call_id)
        except RecordingNotFound:
            keys = []
        else:
            keys = [found.storage_key, *([found.redacted_copy.storage_key] if found.redacted_copy else [])]
        event = Event(id=EventId(self.new_id()), type=EventType.CALL_DELETED, call_id=call_id, occurred_at=self.clock())
        await self.calls.erase(call_id, event, by, archives=archives)
        faultpoint("api.erased")
        try:
            for key in keys:
                await self.storage.delete(key)
                await self.holds.drop(key)
        except Unavailable as error:
            _log.warning("audio of erased call %s is left to the sweep: %s", call_id, error)
