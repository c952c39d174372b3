"""Statements that requests ask again and again: put together once, and handed to PostgreSQL's driver as they are."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from sqlalchemy import ARRAY, Dialect, RowMapping, Select
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeDecorator, TypeEngine
from sqlalchemy.util import await_only, greenlet_spawn

Convert: TypeAlias = Callable[[Any], Any] | None
Row: TypeAlias = RowMapping | Mapping[str, Any]


class Taken(Exception):
    """What a statement was to store has a key that is there already; nothing was stored."""


class Standing:
    """A statement whose text stays and whose values change.

    SQLAlchemy's execution takes several times the processor time of the driver's: it looks for the text by a key made
    of the whole statement. Here the text is looked for once, and only our own types stand before the driver.
    """

    def __init__(self, statement: Select[Any]) -> None:
        self.statement: Final = statement
        self._sent: _Sent | None = None

    def sent(self, dialect: Dialect) -> "_Sent":
        if self._sent is None:
            self._sent = _Sent.of(self.statement, dialect)
        return self._sent


@dataclass(frozen=True, slots=True)
class _Sent:
    """*names* are those of the values in their order, each with what makes it fit for the driver."""

    text: str
    names: Sequence[tuple[str, Convert]]
    columns: Sequence[tuple[str, Callable[[Any], Any]]]
    fixed: Mapping[str, Any]

    @classmethod
    def of(cls, statement: Select[Any], dialect: Dialect) -> "_Sent":
        compiled = statement.compile(dialect=dialect)
        assert isinstance(compiled, SQLCompiler)  # noqa: S101 (for the type checker)
        in_order = compiled.positiontup or ()
        names = [(name, _given_to(compiled.binds[name].type, dialect)) for name in in_order]
        ours = [column for column in statement.selected_columns if isinstance(column.type, TypeDecorator)]
        made = [(str(column.key), _impl(column.type, dialect).result_processor(dialect, None)) for column in ours]
        fixed = {name: bind.value for name, bind in compiled.binds.items() if not bind.required}
        return cls(str(compiled), names, [(name, convert) for name, convert in made if convert], fixed)

    def arguments(self, values: Mapping[str, Any]) -> list[Any]:
        given = {**self.fixed, **values}
        return [given[name] if convert is None else convert(given[name]) for name, convert in self.names]

    def row(self, record: Row) -> Row:
        if not self.columns:
            return record
        row = dict(record)
        for name, convert in self.columns:
            row[name] = convert(row[name])
        return row


async def ask_driver(engine: AsyncEngine, standing: Standing, values: Mapping[str, Any]) -> Sequence[Row]:
    """Run a statement outside of any transaction, on a connection of the engine's pool.

    Raises:
        Taken: it would have stored a key twice.
    """
    from asyncpg import UniqueViolationError  # type: ignore[import-untyped]  # noqa: PLC0415 (SQLite needs none of it)

    sent = standing.sent(engine.dialect)
    arguments = sent.arguments(values)

    def run() -> Sequence[Row]:
        connection = engine.sync_engine.raw_connection()
        try:
            driver: Any = connection.driver_connection
            return await_only(driver.fetch(sent.text, *arguments))
        except BaseException as error:
            if not isinstance(error, Exception):  # cancelled: what the driver still waits for is not ours any more
                connection.invalidate()
            raise
        finally:
            connection.close()

    try:
        records = await greenlet_spawn(run)
    except UniqueViolationError as error:
        raise Taken from error
    return [sent.row(record) for record in records]


def _given_to(kind: TypeEngine[Any], dialect: Dialect) -> Convert:
    """Return what makes a value fit for the driver, which takes what PostgreSQL has: only our own types need it."""
    is_ours = isinstance(kind.item_type if isinstance(kind, ARRAY) else kind, TypeDecorator)
    return _impl(kind, dialect).bind_processor(dialect) if is_ours else None


def _impl(kind: TypeEngine[Any], dialect: Dialect) -> TypeEngine[Any]:
    return kind.dialect_impl(dialect)
