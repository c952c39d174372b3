"""How calls are found by a piece of their caller or receiver.

PostgreSQL: ``LIKE`` over trigrams of ``call_keys``. Its planner walks in the order of time for too long when few calls
fit. So where its own statistics expect no more than are counted, whatever fits is looked up once, for page and total
alike; where they expect more, the page is walked to while another connection counts.

SQLite: full-text indexes whose rows are numbered by the second in which the call started. They give back their hits in
that order, one by one, so that a page costs the same whether ten calls fit or a million, and a count reads one list of
numbers. Only calls of one and the same second have to be sorted.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final, cast

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Executable,
    FromClause,
    Integer,
    Join,
    Select,
    Text,
    bindparam,
    column,
    func,
    literal,
    select,
    table,
    text,
    true,
    tuple_,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from calls_adapters.sql.pieces import pattern
from calls_adapters.sql.standing import Standing
from calls_adapters.sql.tables.calls import calls
from calls_adapters.sql.tables.search import call_keys, call_places
from calls_adapters.sql.writing import PLACES_PER_SECOND, first_place
from calls_core.search import COUNT_CAP, CallFilter, Cursor, Order, PageRequest

_BIGRAM: Final = 2
LOOKED_UP: Final = 3000
"""Up to how many calls it is quicker to look up all than to walk to the first page, in a database of a million."""

_EXPECTED: Final = text("EXPLAIN (FORMAT JSON) SELECT 1 FROM call_keys WHERE search_key LIKE :piece")
_SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Found:
    """Where calls are looked for.

    *source* can be counted by itself; *joined* has the columns of ``calls`` too. *place* grows with the second.
    *expected* asks PostgreSQL's statistics how many fit, without looking: it answers with JSON, in which
    ``[0]["Plan"]["Plan Rows"]`` is the number. *piece* is set when it alone decides which calls fit, so that a count
    made ahead may tell how many. With *by_index*, PostgreSQL shall not read tables from end to end: it takes no account
    of what it costs to unpack their rows.
    """

    source: FromClause
    joined: FromClause
    conditions: tuple[ColumnElement[bool], ...]
    started_at: ColumnElement[datetime]
    id: ColumnElement[Any]
    place: ColumnElement[int] | None = None
    expected: Executable | None = None
    piece: str | None = None
    by_index: bool = False


def found_by_time(wanted: CallFilter) -> Found:
    """Look at all calls, by their time only."""
    return within(Found(calls, calls, (), calls.c.started_at, calls.c.id), wanted)


def found_in_postgres(wanted: CallFilter, query: str) -> Found:
    keys = call_keys.c
    joined = call_keys.join(calls, calls.c.id == keys.call_id)
    fits = keys.search_key.like(pattern(query))
    expected = _EXPECTED.bindparams(piece=pattern(query))
    found = Found(call_keys, joined, (fits,), keys.started_at, keys.call_id, expected=expected, piece=query)
    return within(found, wanted)


def found_in_sqlite(wanted: CallFilter, query: str) -> Found:
    if len(query) < _BIGRAM:
        joined = call_places.join(calls, calls.c.id == call_places.c.call_id)
        fits = func.instr(call_places.c.search_key, query) > 0
        return within(Found(joined, joined, (fits,), calls.c.started_at, calls.c.id), wanted)
    if len(query) == _BIGRAM:
        return at_places("call_bigrams", query.encode().hex(), wanted)
    return at_places("call_trigrams", '"' + query.replace('"', '""') + '"', wanted)


def at_places(name: str, match: str, wanted: CallFilter) -> Found:
    """Ask the full-text index *name* of SQLite, whose rows are numbered as ``call_places`` are."""
    index = table(name, column("rowid", Integer), column(name, Text))
    place: ColumnElement[int] = index.c.rowid
    places = _NestedJoin(index, call_places, call_places.c.place == place)
    joined = _NestedJoin(places, calls, calls.c.id == call_places.c.call_id)
    conditions: list[ColumnElement[bool]] = [index.c[name].op("MATCH")(match)]
    exact = True
    if wanted.started_from is not None:
        conditions.append(place >= first_place(wanted.started_from))
        exact = wanted.started_from.microsecond == 0
    if wanted.started_until is not None:
        begun = PLACES_PER_SECOND if wanted.started_until.microsecond else 0
        conditions.append(place < first_place(wanted.started_until) + begun)
        exact = exact and wanted.started_until.microsecond == 0
    found = Found(index if exact else joined, joined, tuple(conditions), calls.c.started_at, calls.c.id, place)
    return found if exact else within(found, wanted)


def page_of(found: Found, filters: Sequence[ColumnElement[bool]], request: PageRequest) -> Select[Any]:
    """Return the statement that reads the calls of one page, and one more if there is one."""
    conditions = [*found.conditions, *filters]
    if request.cursor is not None:
        conditions.extend(_after(found, request.cursor, request))
    if found.place is not None:
        conditions.append(_not_beyond(found, found.place, conditions, request))
    fitting = select(calls).select_from(found.joined).where(*conditions)
    return _cut(fitting, found.started_at, found.id, request)


@cache
def page_of_common(order: Order, *, continued: bool) -> Standing:
    """Return the statement that walks to one page in PostgreSQL, when many calls have the *piece*.

    It takes *most* after *left_out*; *continued*, those after the call *there_id*, which started *there_at*. ``strpos``
    has no index, so there is nothing else that the planner could do: where its statistics expect too few, it would look
    up all that are ``LIKE`` it.
    """
    keys, request = call_keys.c, PageRequest(order=order)
    fitting = select(keys.call_id, keys.started_at).where(
        func.strpos(keys.search_key, bindparam("piece", type_=Text)) > 0
    )
    if continued:
        here = tuple_(keys.started_at, keys.call_id)
        there = tuple_(
            bindparam("there_at", type_=keys.started_at.type), bindparam("there_id", type_=keys.call_id.type)
        )
        fitting = fitting.where(here < there if order is Order.NEWEST else here > there)
    ids = (
        _sorted(fitting, keys.started_at, keys.call_id, request)
        .limit(bindparam("most", type_=BigInteger))
        .offset(bindparam("left_out", type_=BigInteger))
        .subquery("ids")
    )
    page = select(calls).join(ids, calls.c.id == ids.c.call_id)
    return Standing(_sorted(page, ids.c.started_at, ids.c.call_id, request))


def page_and_total_of(found: Found, filters: Sequence[ColumnElement[bool]], request: PageRequest) -> Select[Any]:
    """Return the statement that looks up all calls that fit, once, and sorts them.

    Each row has the column ``fitting``, how many there are; one row without a call when the page is empty. With more
    than the cap, the calls are any.
    """
    source = found.joined if filters else found.source
    all_of_them = select(found.id.label("id"), found.started_at.label("started_at")).select_from(source)
    capped = all_of_them.where(*found.conditions, *filters).limit(COUNT_CAP + 1)
    few = capped.cte("few").prefix_with("MATERIALIZED", dialect="postgresql")
    counted = select(func.count().label("fitting")).select_from(few).subquery("counted")
    cut = select(few.c.id)
    if request.cursor is not None:
        here = replace(found, started_at=few.c.started_at, id=few.c.id)
        cut = cut.where(*_after(here, request.cursor, request))
    ids = _cut(cut, few.c.started_at, few.c.id, request).subquery("ids")
    page = select(counted.c.fitting, calls).select_from(
        counted.outerjoin(ids, true()).outerjoin(calls, calls.c.id == ids.c.id)
    )
    return _sorted(page, calls.c.started_at, calls.c.id, request)


@cache
def page_and_total_of_rare(order: Order, limit: int) -> Standing:
    """Return the same statement for the first page in PostgreSQL of what few calls have: those ``LIKE`` *pattern*."""
    fits = call_keys.c.search_key.like(bindparam("pattern", type_=Text))
    found = Found(call_keys, call_keys, (fits,), call_keys.c.started_at, call_keys.c.call_id)
    return Standing(page_and_total_of(found, (), PageRequest(order=order, limit=limit)))


def _sorted(
    rows: Select[Any], started_at: ColumnElement[datetime], call_id: ColumnElement[Any], request: PageRequest
) -> Select[Any]:
    if request.order is Order.NEWEST:
        return rows.order_by(started_at.desc(), call_id.desc())
    return rows.order_by(started_at, call_id)


def _cut(
    rows: Select[Any], started_at: ColumnElement[datetime], call_id: ColumnElement[Any], request: PageRequest
) -> Select[Any]:
    return _sorted(rows, started_at, call_id, request).limit(request.limit + 1).offset(request.offset or None)


def within(found: Found, wanted: CallFilter) -> Found:
    times = []
    if wanted.started_from is not None:
        times.append(found.started_at >= wanted.started_from)
    if wanted.started_until is not None:
        times.append(found.started_at < wanted.started_until)
    return replace(found, conditions=(*found.conditions, *times), piece=None if times else found.piece)


def _after(found: Found, cursor: Cursor, request: PageRequest) -> list[ColumnElement[bool]]:
    newest = request.order is Order.NEWEST
    here = tuple_(found.started_at, found.id)
    there = tuple_(literal(cursor.started_at, calls.c.started_at.type), literal(cursor.id, calls.c.id.type))
    conditions: list[ColumnElement[bool]] = [here < there if newest else here > there]
    if found.place is not None:
        first = first_place(cursor.started_at)
        conditions.append(found.place < first + PLACES_PER_SECOND if newest else found.place >= first)
    return conditions


def _not_beyond(
    found: Found, place: ColumnElement[int], conditions: Sequence[ColumnElement[bool]], request: PageRequest
) -> ColumnElement[bool]:
    """Leave out what comes after the second in which the last wanted call started, so that little has to be sorted."""
    newest = request.order is Order.NEWEST
    last = (
        select(place)
        .select_from(found.joined)
        .where(*conditions)
        .order_by(place.desc() if newest else place)
        .limit(1)
        .offset(request.offset + request.limit)
        .scalar_subquery()
    )
    second = last.op(">>")(24).op("<<")(24)
    if newest:
        return place >= func.coalesce(second, -(2**63))
    return place < func.coalesce(second + PLACES_PER_SECOND, 2**63 - 1)


class _NestedJoin(Join):
    """SQLite's CROSS JOIN: the left side is the outer loop. Its planner would begin with any index over ``calls``."""

    inherit_cache = True


@compiles(_NestedJoin)
def _compile(element: _NestedJoin, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 (SQLAlchemy's own)
    left, right = (compiler.process(side, **options) for side in (element.left, element.right))
    condition = compiler.process(cast(ColumnElement[bool], element.onclause), **options)
    return f"{left} CROSS JOIN {right} ON {condition}"
