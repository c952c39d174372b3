"""Idempotency keys in memory."""

import secrets
from datetime import timedelta

from calls_adapters.memory.database import MemoryDatabase, StoredKey
from calls_core.ports import TOKEN_BITS, Answer, Clock, IdempotencyKeys, KeyClaim


class MemoryIdempotencyKeys(IdempotencyKeys):
    def __init__(self, database: MemoryDatabase, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def claim(self, owner: str, key: str, lease: timedelta) -> KeyClaim | Answer:
        now = self._clock()
        if answer := self._database.answer(owner, key, now):
            return answer
        token = secrets.randbits(TOKEN_BITS)
        self._database.keys[owner, key] = StoredKey(token=token, until=now + lease)
        return KeyClaim(owner=owner, key=key, token=token)

    async def renew(self, claim: KeyClaim, lease: timedelta) -> None:
        if stored := self._mine(claim):
            stored.until = self._clock() + lease

    async def release(self, claim: KeyClaim) -> None:
        if self._mine(claim):
            del self._database.keys[claim.owner, claim.key]

    async def forget(self, limit: int, ended_before: timedelta) -> int:
        over = self._clock() - ended_before
        ended = [key for key, stored in self._database.keys.items() if stored.until <= over][:limit]
        for key in ended:
            del self._database.keys[key]
        return len(ended)

    def _mine(self, claim: KeyClaim) -> StoredKey | None:
        stored = self._database.keys.get((claim.owner, claim.key))
        return stored if stored and stored.token == claim.token and stored.answer is None else None
