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

    async def expired(self, limit: int) -> Sequence[str]:
        now = self._clock()
        ended = sorted(
            (hold.until, key) for key, hold in self._database.holds.items() if hold.doomed or hold.until <= now
        )
        keys = [key for _until, key in ended[:limit]]
        for key in keys:
            self._database.holds[key].doomed = True
        return keys

    async def drop(self, key: str) -> None:
        self._database.holds.pop(key, None)


class MemoryIntakeSwitch(IntakeSwitch):
    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def state(self) -> IntakeState:
        return self._database.intake

    async def set(self, state: IntakeState) -> None:
        self._database.intake = state
