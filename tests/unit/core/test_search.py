"""What can be asked of a list of calls."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calls_core.errors import InvalidQuery
from calls_core.recording import CallId
from calls_core.search import CallFilter, Cursor, PageRequest, normalized


@pytest.mark.parametrize(
    ("sent", "looked_for"),
    [
        ("+7 (900) 123-45-67", "+79001234567"),
        (" 7900", "+7900"),
        (" +7900", "+7900"),
        (" (900) 1", "+9001"),
        (" Ivan", "ivan"),
        ("ИВАН", "иван"),
        ("sip:Bob@x", "sip:bob@x"),
    ],
)
def test_numbers_are_compared_without_their_decoration(sent: str, looked_for: str) -> None:
    """Spaces, dashes, brackets and case do not matter; a leading space is the plus of an unencoded query."""
    assert CallFilter.checked(query=sent).query == looked_for


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        ({"query": "7"}, "/query"),
        ({"query": ""}, "/query"),
        ({"query": "()--  "}, "/query"),
        ({"query": "ab\x00"}, "/query"),
        ({"text": "-x"}, "/text"),
        ({"tag": "\x00"}, "/tag"),
        ({"started_from": datetime(2026, 1, 1)}, "/started_from"),  # noqa: DTZ001 (that is the point)
        ({"started_until": datetime(9999, 12, 31, 23, tzinfo=timezone(-timedelta(hours=9)))}, "/started_until"),
        ({"min_duration": -1.0}, "/min_duration"),
        ({"max_duration": float("nan")}, "/max_duration"),
        ({"max_duration": float("inf")}, "/max_duration"),
    ],
)
def test_a_wrong_parameter_is_named(asked: dict[str, Any], pointer: str) -> None:
    """Every refusal points at the parameter."""
    with pytest.raises(InvalidQuery) as refused:
        CallFilter.checked(**asked)
    assert [error.pointer for error in refused.value.errors] == [pointer]


@pytest.mark.parametrize("wrong", [{"limit": 0}, {"limit": 201}, {"offset": -1}, {"offset": 2**31}])
def test_pages_have_limits(wrong: dict[str, int]) -> None:
    """A page has 1 to 200 calls and begins at a sane place."""
    with pytest.raises(InvalidQuery):
        PageRequest(**wrong)


@given(st.datetimes(timezones=st.just(UTC)), st.uuids())
def test_a_cursor_comes_back_as_it_went(moment: datetime, key: UUID) -> None:
    """Encoding and decoding lose nothing, to the microsecond."""
    cursor = Cursor(started_at=moment, id=CallId(key))
    assert Cursor.decoded(cursor.encoded()) == cursor


@given(st.text())
def test_a_made_up_cursor_is_refused(text: str) -> None:
    """Nothing that a client invents as a cursor is an error of ours."""
    with pytest.raises(InvalidQuery):
        Cursor.decoded(text)


@given(st.text())
def test_normalizing_twice_changes_nothing(text: str) -> None:
    """Both sides of a comparison may be normalized already."""
    assert normalized(normalized(text)) == normalized(text)


def test_a_cursor_excludes_an_offset() -> None:
    """The two ways of paging cannot be mixed."""
    cursor = Cursor(started_at=datetime.now(UTC), id=CallId(uuid4()))
    with pytest.raises(InvalidQuery):
        PageRequest(cursor=cursor, offset=1)
