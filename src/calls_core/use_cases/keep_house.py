"""What any number of processes do every few seconds, so that nothing is kept for longer than it may."""

import logging
from dataclasses import dataclass
from typing import Final

from calls_core.ports import CallSearch, Exports, WorkerIsDead
from calls_core.use_cases.build_export import BuildExport
from calls_core.use_cases.erase_number import EraseNumber
from calls_core.use_cases.expire_calls import ExpireCalls
from calls_core.use_cases.tell_events import ForgetEvents

BATCH: Final = 100
COUNTS: Final = 50
"""How many small parts of the counting one round does: some seconds of the database's work, at most."""

_log = logging.getLogger("calls.housekeeping")


@dataclass(frozen=True, slots=True)
class KeepHouse:
    """One round, in small steps each of which is a transaction of its own."""

    exports: Exports
    build: BuildExport
    forget_events: ForgetEvents
    erase_number: EraseNumber
    expire: ExpireCalls
    search: CallSearch
    is_dead: WorkerIsDead

    async def __call__(self) -> None:
        await self.exports.end_leases([name for name in await self.exports.holders() if self.is_dead(name)])
        await self.build.give_up()
        if removed := await self.exports.remove_expired(BATCH):
            _log.info("%d exports have expired", removed)
        if forgotten := await self.forget_events():
            _log.info("%d events were old enough to be forgotten", forgotten)
        await self.erase_number()
        await self.expire()
        for _ in range(COUNTS):
            if not await self.search.count_ahead():
                break
