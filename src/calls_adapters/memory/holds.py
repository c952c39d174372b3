"""Holds and the intake switch in memory."""

from collections.abc import Sequence
from datetime import timedelta

from calls_adapters.memory.database import MemoryDatabase, StoredHold
from calls_core.ports import Clock, Holds, IntakeState, IntakeSwitch


class MemoryHolds(Holds):
    def __init__(self, database: MemoryDatabase, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def hold(self, key: str, duration: timedelta) -> None:
        stored = self._database.holds.setdefault(key, StoredHold(until=self._clock()))
        if not stored.doomed:
            stored.until = self._clock() + duration

    async def renew(self, key: str, duration: timedelta) -> None:
        self._database.require_hold(key)
        self._database.holds[key].until = self._clock() + duration

    async def expired(self, limit: int, again_after: timedelta) -> Sequence[str]:
        keys = self._ended(limit, doomed=False)
        for key in keys:
            self._database.holds[key] = StoredHold(until=self._clock() + again_after, doomed=True)
        return keys

    async def doomed(self, limit: int) -> Sequence[str]:
        return self._ended(limit, doomed=True)

    async def drop(self, key: str) -> None:
        self._database.holds.pop(key, None)

    def _ended(self, limit: int, *, doomed: bool) -> list[str]:
        now = self._clock()
        ended = ((h.until, key) for key, h in self._database.holds.items() if h.doomed == doomed and h.until <= now)
        return [key for _until, key in sorted(ended)[:limit]]


class MemoryIntakeSwitch(IntakeSwitch):
    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def state(self) -> IntakeState:
        return self._database.intake

    async def set(self, state: IntakeState) -> None:
        self._database.intake = state
