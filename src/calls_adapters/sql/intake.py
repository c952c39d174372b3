"""The intake switch in a relational database: one row, or none when nobody has ever touched it."""

from typing import Final

from sqlalchemy import select

from calls_adapters.sql.database import Database
from calls_adapters.sql.rows import storable
from calls_adapters.sql.standing import Standing
from calls_adapters.sql.tables.arrivals import intake
from calls_core.ports import IntakeState, IntakeSwitch

STATE: Final = select(intake.c.accepting, intake.c.reason)
_STATE: Final = Standing(STATE)


class SqlIntakeSwitch(IntakeSwitch):
    def __init__(self, database: Database) -> None:
        self._database = database

    async def state(self) -> IntakeState:
        rows = await self._database.rows(_STATE)
        return IntakeState(accepting=rows[0]["accepting"], reason=rows[0]["reason"]) if rows else IntakeState()

    async def set(self, state: IntakeState) -> None:
        values = {"accepting": state.accepting, "reason": storable(state.reason) if state.reason else state.reason}
        statement = self._database.insert(intake).values(id=1, **values)
        async with self._database.change() as connection:
            await connection.execute(statement.on_conflict_do_update(index_elements=[intake.c.id], set_=values))
