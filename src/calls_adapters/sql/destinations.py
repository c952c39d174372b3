"""Destinations in a relational database."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import delete, insert, select, update

from calls_adapters.sql.database import Database
from calls_adapters.sql.delivery_rows import destination_from, destination_row
from calls_adapters.sql.keys import keep_answer
from calls_adapters.sql.tables.deliveries import destinations
from calls_core.destination import Destination
from calls_core.errors import DestinationNotFound
from calls_core.events import DestinationId
from calls_core.ports import Destinations, Receipt

_ALL: Final = select(destinations).order_by(destinations.c.id)


class SqlDestinations(Destinations):
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, destination: Destination, receipt: Receipt | None = None) -> None:
        async with self._database.write() as connection:
            await keep_answer(self._database, connection, receipt)
            await connection.execute(insert(destinations).values(destination_row(destination)))

    async def get(self, destination_id: DestinationId) -> Destination:
        async with self._database.one() as connection:
            found = await connection.execute(_ALL.where(destinations.c.id == destination_id))
        row = found.mappings().one_or_none()
        if row is None:
            raise DestinationNotFound(_missing(destination_id))
        return destination_from(row)

    async def all(self) -> Sequence[Destination]:
        async with self._database.one() as connection:
            return [destination_from(row) for row in (await connection.execute(_ALL)).mappings()]

    async def save(self, destination: Destination) -> None:
        this = destinations.c.id == destination.id
        async with self._database.change() as connection:
            done = await connection.execute(update(destinations).where(this).values(destination_row(destination)))
        if done.rowcount == 0:
            raise DestinationNotFound(_missing(destination.id))

    async def remove(self, destination_id: DestinationId) -> None:
        async with self._database.change() as connection:
            done = await connection.execute(delete(destinations).where(destinations.c.id == destination_id))
        if done.rowcount == 0:
            raise DestinationNotFound(_missing(destination_id))


def _missing(destination_id: DestinationId) -> str:
    return f"there is no webhook {destination_id}"
