"""Passwords by bcrypt, over a keyed pre-hash."""

import base64
import hashlib
import hmac
from collections.abc import Callable
from functools import cached_property
from typing import Final, TypeVar

import bcrypt
from anyio import CapacityLimiter, to_thread

from calls_core.ports import Passwords

COST: Final = 12
"""A quarter of a second of a processor or more, on both sides: for us and for whoever guesses."""

AT_ONCE: Final = 2
_DIGEST_LENGTH: Final = 31

T = TypeVar("T")


class BcryptPasswords(Passwords):
    """bcrypt reads 72 bytes and refuses more. The pre-hash makes 64 of a password of any length; its key is not in the
    database, so that a stolen one cannot be guessed at."""

    def __init__(self, secret: bytes, cost: int = COST) -> None:
        self._key = hmac.digest(secret, b"calls passwords", hashlib.sha256)
        self._cost = cost

    async def hash(self, password: str) -> str:
        return (await self._in_thread(bcrypt.hashpw, self._prepared(password), bcrypt.gensalt(self._cost))).decode()

    async def matches(self, password: str, stored: str | None) -> bool:
        known = stored.encode() if stored is not None else self._dummy
        found = await self._in_thread(bcrypt.checkpw, self._prepared(password), known)
        return found and stored is not None

    def _prepared(self, password: str) -> bytes:
        digest = hmac.digest(self._key, password.encode("utf-8", "surrogatepass"), hashlib.sha384)
        return base64.b64encode(digest)

    @cached_property
    def _dummy(self) -> bytes:
        """What the password of a user who is not there is compared with, so that it takes as long: a salt with a digest
        that nobody worked out."""
        return bcrypt.gensalt(self._cost) + b"." * _DIGEST_LENGTH

    @cached_property
    def _limiter(self) -> CapacityLimiter:
        """More at once would take the processors away from everybody else."""
        return CapacityLimiter(AT_ONCE)

    async def _in_thread(self, work: Callable[[bytes, bytes], T], password: bytes, other: bytes) -> T:
        return await to_thread.run_sync(work, password, other, limiter=self._limiter)
