"""One answer for a request and all its repetitions."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from calls_core.errors import IdempotencyKeyReused, Unavailable
from calls_core.job import Patience
from calls_core.ports import Answer, IdempotencyKeys, KeyClaim

_log = logging.getLogger("calls.idempotency")


@dataclass(frozen=True, slots=True)
class AnswerOnce:
    """Find out whether a request was answered before; if not, be the only one that answers it.

    What is made for it is stored together with its answer, so there is no moment at which one exists without the other.
    Refusals are not kept: they have made nothing, and the request may be sent again, mended or not.
    """

    keys: IdempotencyKeys
    patience: Patience

    @asynccontextmanager
    async def __call__(self, owner: str, key: str) -> AsyncIterator[KeyClaim | Answer]:
        """Lend the key for as long as the block runs, or else the answer that was given under it.

        Raises:
            IdempotencyKeyInUse: a request with this key is being answered.
        """
        found = await self.keys.claim(owner, key, self.patience.lease)
        if isinstance(found, Answer):
            yield found
            return
        renewal = asyncio.create_task(self._renew(found))
        try:
            yield found
        finally:
            renewal.cancel()
            await asyncio.shield(self._release(found))

    async def _renew(self, claim: KeyClaim) -> None:
        while True:
            await asyncio.sleep(self.patience.heartbeat.total_seconds())
            try:
                await self.keys.renew(claim, self.patience.lease)
            except Unavailable as error:
                _log.warning("an idempotency key could not be renewed: %s", error)

    async def _release(self, claim: KeyClaim) -> None:
        try:
            await self.keys.release(claim)
        except Unavailable as error:
            _log.warning("an idempotency key stays claimed until its time is up: %s", error)


def require_same(answer: Answer, payload_sha256: str) -> None:
    """Return when *answer* was given to a request for the same.

    Raises:
        IdempotencyKeyReused: it was not.
    """
    if answer.payload_sha256 != payload_sha256:
        raise IdempotencyKeyReused("this Idempotency-Key came with another request before; use a new one for this")
