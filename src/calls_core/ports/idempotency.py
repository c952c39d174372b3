"""Keys by which clients mark a request, so that its repetition is recognised."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol, TypeAlias, TypeVar

ANSWERS_KEPT: Final = timedelta(hours=24)
"""How long a repetition is recognised."""

TOKEN_BITS: Final = 62

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was answered to a request: *payload_sha256* is of what the request asked for, *body* is JSON."""

    payload_sha256: str
    status: int
    location: str | None
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyClaim:
    """The right to be the one request that has the *key* of *owner*, until it has another *token*, which is random."""

    owner: str
    key: str
    token: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """An answer that shall be kept in the very transaction that makes what it tells of."""

    claim: KeyClaim
    answer: Answer


@dataclass(frozen=True, slots=True)
class KeyedAnswer:
    """An answer that shall be kept under a *key* of *owner* which nobody has claimed, with what it tells of."""

    owner: str
    key: str
    answer: Answer


Answering: TypeAlias = Callable[[T], KeyedAnswer]
"""Makes the answer to a thing that is about to be stored."""

Receipting: TypeAlias = Callable[[T], Receipt]
"""Makes the receipt of a thing that is about to be stored."""


class IdempotencyKeys(Protocol):
    """Keys in use, and the answers that were given under them.

    An answer is kept by the methods of repositories that take a ``Receipt`` or, without a claim, a ``KeyedAnswer``. Any
    method may raise ``RepositoryUnavailable``.
    """

    @abstractmethod
    async def claim(self, owner: str, key: str, lease: timedelta) -> KeyClaim | Answer:
        """Claim a key that nobody has used, or whose claim or answer is over; else return the answer kept under it.

        Raises:
            IdempotencyKeyInUse: another request has claimed it and may still be answered.
        """

    @abstractmethod
    async def renew(self, claim: KeyClaim, lease: timedelta) -> None:
        """Make the claim end *lease* from now, unless it was lost or answered."""

    @abstractmethod
    async def release(self, claim: KeyClaim) -> None:
        """Give back a key under which nothing was answered; one that was answered stays."""

    @abstractmethod
    async def forget(self, limit: int, ended_before: timedelta) -> int:
        """Remove at most *limit* keys whose claim or answer was over *ended_before* ago; return how many."""
