"""What calls are found by: their numbers and names, and what was said."""

from typing import Final

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, SmallInteger, Table, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import TSVECTOR

from calls_adapters.sql.tables.metadata import UtcDateTime, metadata

call_keys: Final = Table(
    "call_keys",
    metadata,
    Column("call_id", ForeignKey("calls.id", ondelete="CASCADE"), primary_key=True),
    Column("started_at", UtcDateTime, nullable=False),
    Column("search_key", Text, nullable=False),
    Index(None, "started_at", "call_id"),
    Index(None, "search_key", postgresql_using="gin", postgresql_ops={"search_key": "gin_trgm_ops"}),
    info={"dialect": "postgresql"},
)
"""What calls are found by. Apart from ``calls``, because every change of a row there would write its trigrams anew,
and because a narrow table is counted faster."""

key_changes: Final = Table(
    "key_changes",
    metadata,
    Column("search_key", Text, nullable=False),
    Column("change", SmallInteger, nullable=False),
    info={"dialect": "postgresql"},
)
"""The keys that came (1) or went (-1) and are not in ``common_pieces`` yet, as a trigger of ``call_keys`` notes them.
Without an index, because it is read whole and must be cheap to write."""

common_pieces: Final = Table(
    "common_pieces",
    metadata,
    Column("piece", Text, primary_key=True),
    Column("calls", BigInteger, nullable=False),
    info={"dialect": "postgresql"},
)
"""How many calls have a piece that many have, but for what ``key_changes`` tells."""

call_places: Final = Table(
    "call_places",
    metadata,
    Column("place", Integer, primary_key=True),
    Column("call_id", ForeignKey("calls.id", ondelete="CASCADE"), nullable=False),
    Column("search_key", Text, nullable=False),
    UniqueConstraint("call_id"),
    info={"dialect": "sqlite"},
)
"""What calls are found by, under a number that grows with ``started_at``: the full-text indexes ``call_trigrams`` and
``call_bigrams``, kept in step by triggers, list their rows by it, and so in the order of time."""

call_words: Final = Table(
    "call_words",
    metadata,
    Column("call_id", ForeignKey("calls.id", ondelete="CASCADE"), primary_key=True),
    Column("started_at", UtcDateTime, nullable=False),
    Column("words", Text, nullable=False),
    Column("terms", TSVECTOR, nullable=False),
    Index(None, "started_at", "call_id"),
    Index(None, "terms", postgresql_using="gin"),
    info={"dialect": "postgresql"},
)
"""What was said in calls that have a transcript: *words* are its stems in their order, with spaces around each; *terms*
are the stems and all pairs of neighbours, which the index finds without looking at a row."""

place_words: Final = Table(
    "place_words",
    metadata,
    Column("place", ForeignKey("call_places.place", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("words", Text, nullable=False),
    info={"dialect": "sqlite"},
)
"""The same under the number of the call: the full-text index ``spoken_words``, kept in step by triggers, reads it."""
