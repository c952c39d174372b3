"""Fills databases with many calls, and is the peer that search is measured beside: the ORM and ILIKE."""

import itertools
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg  # type: ignore[import-untyped]
from sqlalchemy import Text, func, or_, select
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from calls_adapters.sql import normalized_url
from calls_adapters.sql.rows import call_row
from calls_adapters.sql.tables.metadata import UtcDateTime
from calls_adapters.sql.writing import first_place
from calls_core.call import Call, CallDetails, CallStatus
from calls_core.recording import CallId
from calls_core.search import search_key

START: Final = datetime(2024, 1, 1, tzinfo=UTC)
BETWEEN: Final = timedelta(seconds=40)
BATCH: Final = 10_000
FIRST: Final = (
    "anna",
    "boris",
    "clara",
    "denis",
    "elena",
    "fedor",
    "ivan",
    "julia",
    "maria",
    "nikolai",
    "olga",
    "pavel",
)
LAST: Final = ("smith", "ivanov", "petrov", "sidorov", "mueller", "garcia", "popov", "novak", "dubois", "rossi")
CODES: Final = (900, 901, 903, 905, 909, 910, 916, 921, 925, 926, 999, 495, 812)
STATUSES: Final = (CallStatus.READY, CallStatus.FAILED, CallStatus.PROCESSING, CallStatus.CREATED)


def made_calls(rows: int) -> Iterator[Call]:
    """Yield the same calls in every run: mobile numbers, extensions, names and SIP URIs, some of them late."""
    chance = random.Random(7)

    def party() -> str:
        kind = chance.random()
        if kind < 0.70:
            return f"+7{chance.choice(CODES)}{chance.randrange(10**7):07d}"
        if kind < 0.88:
            return str(chance.randrange(100, 9999))
        if kind < 0.95:
            return f"{chance.choice(FIRST)}.{chance.choice(LAST)}"
        return f"sip:{chance.choice(FIRST)}{chance.randrange(1000)}@pbx{chance.randrange(20)}.example.com"

    for number in range(rows):
        started_at = START + BETWEEN * number + timedelta(seconds=chance.uniform(-600, 600))
        milliseconds = int(started_at.timestamp() * 1000)
        yield Call(
            id=CallId(UUID(int=milliseconds << 80 | 7 << 76 | 2 << 62 | chance.getrandbits(62))),
            details=CallDetails(caller=party(), receiver=party(), started_at=started_at, agent=f"agent{number % 200}"),
            created_at=started_at,
            updated_at=started_at,
            status=chance.choices(STATUSES, (90, 6, 1, 3))[0],
            duration_sec=chance.uniform(3, 900),
            silence_sec=1.0,
            version=2,
        )


async def fill_postgres(url: str, rows: int) -> None:
    parsed = make_url(normalized_url(url)).set(drivername="postgresql")
    connection = await asyncpg.connect(parsed.render_as_string(hide_password=False))
    calls = made_calls(rows)
    while batch := list(itertools.islice(calls, BATCH)):
        stored = [call_row(call) for call in batch]
        await connection.copy_records_to_table(
            "calls", records=[tuple(row.values()) for row in stored], columns=list(stored[0])
        )
        keys = [(call.id, call.details.started_at, search_key(call)) for call in batch]
        await connection.copy_records_to_table("call_keys", records=keys)
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


def fill_sqlite(path: str, rows: int) -> None:
    taken: dict[int, int] = {}

    def stored(value: Any) -> Any:  # noqa: ANN401 (what a column holds)
        if isinstance(value, datetime):
            return value.strftime("%Y-%m-%d %H:%M:%S.%f")
        return value.hex if isinstance(value, UUID) else value

    def place(call: Call) -> int:
        first = first_place(call.details.started_at)
        taken[first] = taken.get(first, -1) + 1
        return first + taken[first]

    columns = list(call_row(next(made_calls(1))))
    insert = f"INSERT INTO calls ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA cache_size = -200000")
        connection.executemany(insert, (tuple(map(stored, call_row(call).values())) for call in made_calls(rows)))
        connection.executemany(
            "INSERT INTO call_places VALUES (?, ?, ?)",
            ((place(call), call.id.hex, search_key(call)) for call in made_calls(rows)),
        )


class _Table(DeclarativeBase):
    pass


class CallRow(_Table):
    """The call as a service with an ORM has it."""

    __tablename__ = "calls"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    caller: Mapped[str] = mapped_column(Text)
    receiver: Mapped[str] = mapped_column(Text)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    status: Mapped[str] = mapped_column(Text)
    duration_sec: Mapped[float | None]
    agent: Mapped[str | None] = mapped_column(Text)
    tags: Mapped[str] = mapped_column(Text)


class Peer:
    """Searches as services with an ORM do: ILIKE in both columns, page by OFFSET, and then the whole count."""

    def __init__(self, url: str) -> None:
        self._engine = create_async_engine(normalized_url(url))

    async def search(self, query: str) -> int:
        fits = or_(CallRow.caller.icontains(query, autoescape=True), CallRow.receiver.icontains(query, autoescape=True))
        page = select(CallRow).where(fits).order_by(CallRow.started_at.desc(), CallRow.id.desc())
        async with AsyncSession(self._engine) as session:
            (await session.scalars(page.limit(50))).all()
            return await session.scalar(select(func.count()).select_from(CallRow).where(fits)) or 0

    async def page(self, offset: int) -> int:
        """Return how many rows there are on the page that begins at *offset*."""
        page = select(CallRow).order_by(CallRow.started_at.desc(), CallRow.id.desc())
        async with AsyncSession(self._engine) as session:
            return len((await session.scalars(page.limit(50).offset(offset))).all())

    async def close(self) -> None:
        await self._engine.dispose()
