"""Holds in a relational database."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import ColumnElement, Select, delete, select, update

from calls_adapters.sql.database import Database
from calls_adapters.sql.tables.arrivals import holds
from calls_adapters.sql.writing import CLEARED_AWAY
from calls_core.errors import UploadExpired
from calls_core.ports import Holds

_claimable = holds.c.doomed.is_(False)


class SqlHolds(Holds):
    def __init__(self, database: Database) -> None:
        self._database = database

    async def hold(self, key: str, duration: timedelta) -> None:
        until = self._database.now(duration)
        statement = self._database.insert(holds).values(key=key, until=until, doomed=False)
        # A doomed one stays so: the sweep may be deleting its bytes.
        renewed = statement.on_conflict_do_update(index_elements=[holds.c.key], set_={"until": until}, where=_claimable)
        async with self._database.change() as connection:
            await connection.execute(renewed)

    async def renew(self, key: str, duration: timedelta) -> None:
        statement = update(holds).where(holds.c.key == key, _claimable).values(until=self._database.now(duration))
        async with self._database.change() as connection:
            done = await connection.execute(statement)
        if done.rowcount == 0:
            raise UploadExpired(CLEARED_AWAY)

    async def expired(self, limit: int, again_after: timedelta) -> Sequence[str]:
        # Apart, so that it is done once: PostgreSQL may run what stands in IN for every row, and find others each time.
        taken = self._ended(_claimable, limit).with_for_update(skip_locked=True).cte("taken")
        again = {"doomed": True, "until": self._database.now(again_after)}
        async with self._database.change() as connection:
            this = holds.c.key.in_(select(taken.c.key))
            statement = update(holds).where(this).values(again).returning(holds.c.key)
            return (await connection.scalars(statement)).all()

    async def doomed(self, limit: int) -> Sequence[str]:
        async with self._database.one() as connection:
            return (await connection.scalars(self._ended(~_claimable, limit))).all()

    async def drop(self, key: str) -> None:
        async with self._database.change() as connection:
            await connection.execute(delete(holds).where(holds.c.key == key))

    def _ended(self, which: ColumnElement[bool], limit: int) -> Select[str]:
        ended = which & (holds.c.until <= self._database.now())
        return select(holds.c.key).where(ended).order_by(holds.c.until, holds.c.key).limit(limit)
