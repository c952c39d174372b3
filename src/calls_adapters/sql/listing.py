"""Calls in the order of time, as lists mostly ask for them: a statement for each set of filters, put together once.

Putting it together and looking it up by what it is made of took more processor time than all else in this package.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, Select, bindparam, func, literal_column, select, tuple_

from calls_adapters.sql.standing import Standing
from calls_adapters.sql.tables.calls import call_tags, calls
from calls_core.search import COUNT_CAP, CallFilter, Order, PageRequest


def _has_tag(tag: ColumnElement[str], value: Any) -> ColumnElement[bool]:  # noqa: ANN401 (a value or what stands for it)
    return calls.c.id.in_(select(call_tags.c.call_id).where(tag == value))


_FITS: Final[Mapping[str, tuple[ColumnElement[Any], Callable[..., ColumnElement[bool]]]]] = {
    "started_from": (calls.c.started_at, operator.ge),
    "started_until": (calls.c.started_at, operator.lt),
    "status": (calls.c.status, operator.eq),
    "agent": (calls.c.agent, operator.eq),
    "tag": (call_tags.c.tag, _has_tag),
    "min_duration": (calls.c.duration_sec, operator.ge),
    "max_duration": (calls.c.duration_sec, operator.le),
}
"""What each field of a filter is compared with; those that are missing look for text, which takes more than that."""

_TIMES: Final = frozenset({"started_from", "started_until"})


def used(wanted: CallFilter) -> Mapping[str, Any] | None:
    """Return the values of the fields that are used, None if text is among them."""
    if wanted.query is not None or wanted.text is not None:
        return None
    values = {name: getattr(wanted, name) for name in _FITS}
    return {name: value for name, value in values.items() if value is not None}


def filters_of(wanted: CallFilter) -> Sequence[ColumnElement[bool]]:
    """Return what must be true of a call besides its time and its text."""
    values = [(fits, getattr(wanted, name)) for name, fits in _FITS.items() if name not in _TIMES]
    return [fits(column, value) for (column, fits), value in values if value is not None]


@cache
def page_by_time(names: tuple[str, ...], order: Order, *, continued: bool) -> Standing:
    """Return the statement that reads *most* calls which fit the fields *names*, after *left_out*; *continued*, those
    after the call *there_id*, which started *there_at*."""
    at, key = calls.c.started_at, calls.c.id
    newest = order is Order.NEWEST
    fitting = select(calls).where(*map(_fits, names))
    if continued:
        here, there = (
            tuple_(at, key),
            tuple_(bindparam("there_at", type_=at.type), bindparam("there_id", type_=key.type)),
        )
        fitting = fitting.where(here < there if newest else here > there)
    page = fitting.order_by(at.desc(), key.desc()) if newest else fitting.order_by(at, key)
    most, left_out = bindparam("most", type_=BigInteger), bindparam("left_out", type_=BigInteger)
    return Standing(page.limit(most).offset(left_out))


def place(request: PageRequest) -> Mapping[str, Any]:
    """Return the values that ``page_by_time`` takes besides those of the filter."""
    values = {"most": request.limit + 1, "left_out": request.offset}
    if request.cursor is None:
        return values
    return values | {"there_at": request.cursor.started_at, "there_id": request.cursor.id}


@cache
def count_by_time(names: tuple[str, ...], *, exact: bool) -> Standing:
    """Return the statement that counts as ``fitting`` the calls which fit; unless *exact*, no further than the cap."""
    fitting: Select[Any] = select(literal_column("1")).select_from(calls).where(*map(_fits, names))
    if not exact:
        fitting = fitting.limit(COUNT_CAP + 1)
    return Standing(select(func.count().label("fitting")).select_from(fitting.subquery()))


def _fits(name: str) -> ColumnElement[bool]:
    column, fits = _FITS[name]
    return fits(column, bindparam(name, type_=column.type))
