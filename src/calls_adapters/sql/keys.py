"""Idempotency keys in a relational database: one row each, first a claim, then the answer."""

import secrets
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, bindparam, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from calls_adapters.sql.database import Database
from calls_adapters.sql.standing import Standing, Taken
from calls_adapters.sql.tables.arrivals import idempotency_keys as keys
from calls_core.errors import IdempotencyKeyInUse
from calls_core.ports import ANSWERS_KEPT, TOKEN_BITS, Answer, IdempotencyKeys, KeyClaim, KeyedAnswer, Receipt
from calls_core.recording import CallId

_EMPTY: Final = {"payload_sha256": None, "status": None, "location": None, "body": None, "call_id": None}


class SqlIdempotencyKeys(IdempotencyKeys):
    def __init__(self, database: Database) -> None:
        self._database = database
        mine = (keys.c.owner == bindparam("owner")) & (keys.c.key == bindparam("key"))
        self._found: Final = Standing(select(keys).where(mine, keys.c.until > database.moment("now")))

    async def claim(self, owner: str, key: str, lease: timedelta) -> KeyClaim | Answer:
        while True:
            claim = KeyClaim(owner=owner, key=key, token=secrets.randbits(TOKEN_BITS))
            if await self._claimed(claim, lease):
                return claim
            if (answer := await self.answer(owner, key)) is not None:  # None: released in this very moment
                return answer

    async def answer(self, owner: str, key: str) -> Answer | None:
        """Return the answer that is kept under a key, None if nobody has it.

        Raises:
            IdempotencyKeyInUse: it is claimed.
        """
        asked = {"owner": owner, "key": key, **self._database.moments(now=timedelta(0))}
        rows = await self._database.rows(self._found, asked)
        if not rows:
            return None
        found = rows[0]
        if found["status"] is None:
            raise IdempotencyKeyInUse("a request with this Idempotency-Key is being answered; send it again later")
        return Answer(
            payload_sha256=found["payload_sha256"],
            status=found["status"],
            location=found["location"],
            body=found["body"],
        )

    async def renew(self, claim: KeyClaim, lease: timedelta) -> None:
        async with self._database.change() as connection:
            await connection.execute(update(keys).where(_mine(claim)).values(until=self._database.now(lease)))

    async def release(self, claim: KeyClaim) -> None:
        async with self._database.change() as connection:
            await connection.execute(delete(keys).where(_mine(claim)))

    async def forget(self, limit: int, ended_before: timedelta) -> int:
        over = keys.c.until <= self._database.now(-ended_before)
        chosen = select(keys.c.owner, keys.c.key).where(over).order_by(keys.c.until).limit(limit)
        async with self._database.write() as connection:
            rows = (await connection.execute(chosen.with_for_update(skip_locked=True))).all()
            if rows:
                gone = [{"gone_owner": row.owner, "gone_key": row.key} for row in rows]
                which = (keys.c.owner == bindparam("gone_owner")) & (keys.c.key == bindparam("gone_key"))
                await connection.execute(delete(keys).where(which), gone)
            return len(rows)

    async def _claimed(self, claim: KeyClaim, lease: timedelta) -> bool:
        until = self._database.now(lease)
        fresh = self._database.insert(keys).values(owner=claim.owner, key=claim.key, token=claim.token, until=until)
        taken_over = fresh.on_conflict_do_update(
            index_elements=[keys.c.owner, keys.c.key],
            set_={"token": claim.token, "until": until, **_EMPTY},
            where=keys.c.until <= self._database.now(),
        )
        async with self._database.change() as connection:
            return (await connection.execute(taken_over)).rowcount == 1


def _mine(claim: KeyClaim) -> ColumnElement[bool]:
    """Say that the claim stands and nothing was answered under it."""
    return (
        (keys.c.owner == claim.owner)
        & (keys.c.key == claim.key)
        & (keys.c.token == claim.token)
        & keys.c.status.is_(None)
    )


async def keep_answer(
    database: Database, connection: AsyncConnection, receipt: Receipt | None, call_id: CallId | None = None
) -> None:
    """Keep the answer of *receipt*, if there is one, as a part of the transaction that makes the call or changes it.

    Raises:
        IdempotencyKeyInUse: the claim was lost.
    """
    if receipt is None:
        return
    values = _answered(database, receipt.answer, call_id)
    if (await connection.execute(update(keys).where(_mine(receipt.claim)).values(values))).rowcount == 0:
        raise IdempotencyKeyInUse("another request with this Idempotency-Key was quicker; send it again")


async def keep_first_answer(
    database: Database, connection: AsyncConnection, keyed: KeyedAnswer | None, call_id: CallId
) -> None:
    """Keep an answer, if there is one, under a key that nobody has, as a part of the transaction that makes the call.

    Raises:
        Taken: somebody has it.
    """
    if keyed is None:
        return
    values = {"token": secrets.randbits(TOKEN_BITS), **_answered(database, keyed.answer, call_id)}
    kept = (
        database.insert(keys)
        .values(owner=keyed.owner, key=keyed.key, **values)
        .on_conflict_do_update(
            index_elements=[keys.c.owner, keys.c.key], set_=values, where=keys.c.until <= database.now()
        )
    )
    if (await connection.execute(kept)).rowcount == 0:
        raise Taken


def _answered(database: Database, answer: Answer, call_id: CallId | None) -> dict[str, Any]:
    return {
        "payload_sha256": answer.payload_sha256,
        "status": answer.status,
        "location": answer.location,
        "body": answer.body,
        "call_id": call_id,
        "until": database.now(ANSWERS_KEPT),
    }
