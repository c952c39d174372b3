"""Attempts to sign in, counted in a relational database."""

from datetime import timedelta

from sqlalchemy import case, delete

from calls_adapters.sql.database import Database
from calls_adapters.sql.tables.accounts import sign_in_attempts as attempts
from calls_core.ports import Clock, SignInLimits


class SqlSignInLimits(SignInLimits):
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def count(self, key: str, window: timedelta) -> tuple[int, timedelta]:
        now = self._clock()
        new = {"count": 1, "until": now + window}
        is_over = attempts.c.until <= now
        statement = self._database.insert(attempts).values(key=key, **new)
        counted = statement.on_conflict_do_update(
            index_elements=[attempts.c.key],
            set_={
                "count": case((is_over, 1), else_=attempts.c.count + 1),
                "until": case((is_over, new["until"]), else_=attempts.c.until),
            },
        ).returning(attempts.c.count, attempts.c.until)
        async with self._database.write() as connection:
            await connection.execute(delete(attempts).where(is_over, attempts.c.key != key))
            count, until = (await connection.execute(counted)).one()
        return count, until - now

    async def forget(self, key: str) -> None:
        async with self._database.change() as connection:
            await connection.execute(delete(attempts).where(attempts.c.key == key))
