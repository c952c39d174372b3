"""How calls are found by the words of their transcripts, which are stored as stems and so the same in every database.

PostgreSQL: a ``tsvector`` of the stems and of all pairs of neighbours, without places, which would end at the 16,383rd.
Its index finds words and pairs without looking at rows; longer phrases are looked for in those that have all their
pairs. SQLite: a full-text index whose rows are numbered as those of ``call_trigrams`` are, so that its hits come in the
order of time.
"""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, Text, bindparam, cast, column, func, select, table, text
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY
from sqlalchemy.ext.asyncio import AsyncConnection

from calls_adapters.sql.database import Database
from calls_adapters.sql.finding import Found, at_places, within
from calls_adapters.sql.tables.calls import calls
from calls_adapters.sql.tables.search import call_places, call_words, place_words
from calls_adapters.sql.writing import overwriting
from calls_core.recording import CallId
from calls_core.search import CallFilter
from calls_core.spoken import Phrase, WordQuery, indexed_terms

INDEX: Final = "spoken_words"
PAIR: Final = 2
_EXPECTED: Final = text("EXPLAIN (FORMAT JSON) SELECT 1 FROM call_words WHERE terms @@ CAST(:asked AS tsquery)")


def found_by_words_in_postgres(wanted: CallFilter, query: WordQuery) -> Found:
    joined = call_words.join(calls, calls.c.id == call_words.c.call_id)
    conditions = tuple(_said_in_postgres(query))
    expected = _EXPECTED.bindparams(asked=_tsquery(query))
    found = Found(
        call_words, joined, conditions, call_words.c.started_at, call_words.c.call_id, expected=expected, by_index=True
    )
    return within(found, wanted)


def found_by_words_in_sqlite(wanted: CallFilter, query: WordQuery) -> Found:
    return at_places(INDEX, _match(query), wanted)


def saying(query: WordQuery, *, is_postgres: bool) -> Select[Any]:
    """Return the ids of all calls that fit."""
    if is_postgres:
        return select(call_words.c.call_id).where(*_said_in_postgres(query))
    index = table(INDEX, column("rowid"), column(INDEX, Text))
    said = select(index.c.rowid).where(index.c[INDEX].op("MATCH")(_match(query)))
    return select(call_places.c.call_id).where(call_places.c.place.in_(said))


async def store_words(database: Database, connection: AsyncConnection, call_id: CallId, words: str) -> None:
    """Make a call findable by *words*, as ``indexed`` returns them, and by no others."""
    given = bindparam("words", type_=Text)
    if database.is_postgres:
        terms = func.array_to_tsvector(bindparam("terms", type_=ARRAY(Text)))
        source = select(calls.c.id, calls.c.started_at, given, terms).where(calls.c.id == call_id)
        statement = database.insert(call_words).from_select(["call_id", "started_at", "words", "terms"], source)
        stored = overwriting(call_words, statement)
        await connection.execute(stored, {"words": words, "terms": indexed_terms(words)})
    else:
        source = select(call_places.c.place, given).where(call_places.c.call_id == call_id)
        statement = database.insert(place_words).from_select(["place", "words"], source)
        await connection.execute(overwriting(place_words, statement), {"words": words})


def _said_in_postgres(query: WordQuery) -> Iterator[ColumnElement[bool]]:
    yield call_words.c.terms.op("@@", is_comparison=True)(cast(_tsquery(query), TSQUERY))
    yield from (_in_a_row(phrase) > 0 for phrase in query.wanted if len(phrase) > PAIR)
    yield from (_in_a_row(phrase) == 0 for phrase in query.unwanted if len(phrase) > PAIR)


def _in_a_row(phrase: Phrase) -> ColumnElement[int]:
    return func.strpos(call_words.c.words, f" {' '.join(phrase)} ")


def _tsquery(query: WordQuery) -> str:
    """Words are letters and digits: nothing in them ends the quotes."""
    wanted = dict.fromkeys(term for phrase in query.wanted for term in _terms(phrase))
    unwanted = dict.fromkeys(" ".join(phrase) for phrase in query.unwanted if len(phrase) <= PAIR)
    return " & ".join([*(f"'{term}'" for term in wanted), *(f"!'{term}'" for term in unwanted)])


def _terms(phrase: Phrase) -> Sequence[str]:
    return [f"{first} {second}" for first, second in itertools.pairwise(phrase)] or phrase


def _match(query: WordQuery) -> str:
    wanted = " AND ".join(f'"{" ".join(phrase)}"' for phrase in query.wanted)
    return " NOT ".join([f"({wanted})", *(f'"{" ".join(phrase)}"' for phrase in query.unwanted)])
