"""Full-text search in transcripts: their words by stems, in place of their text."""

import json
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, Final

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TSVECTOR

from calls_core.spoken import indexed, indexed_terms

revision = "0010"
down_revision = "0009"

BATCH: Final = 200
_INDEX: Final = "INSERT INTO spoken_words(rowid, words) VALUES (new.place, new.words);"
_FORGET: Final = "INSERT INTO spoken_words(spoken_words, rowid, words) VALUES ('delete', old.place, old.words);"


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        _create_in_postgres()
        _fill(
            "INSERT INTO call_words (call_id, started_at, words, terms)"
            " SELECT id, started_at, :words, array_to_tsvector(CAST(:terms AS text[])) FROM calls WHERE id = :call",
            lambda words: {"words": words, "terms": indexed_terms(words)},
        )
        op.drop_index("ix_recordings_said", "recordings")
    else:
        _create_in_sqlite()
        _fill(
            "INSERT INTO place_words (place, words) SELECT place, :words FROM call_places WHERE call_id = :call",
            lambda words: {"words": words},
        )
    op.drop_column("recordings", "said")


def downgrade() -> None:
    op.add_column("recordings", sa.Column("said", sa.Text))
    for call_id, text in _transcripts():
        said = " ".join(text.lower().split())
        _execute("UPDATE recordings SET said = :said WHERE call_id = :call", call_id, said=said)
    if op.get_bind().dialect.name == "postgresql":
        ops = {"said": "gin_trgm_ops"}
        op.create_index("ix_recordings_said", "recordings", ["said"], postgresql_using="gin", postgresql_ops=ops)
        op.drop_table("call_words")
    else:
        op.execute("DROP TABLE spoken_words")
        op.drop_table("place_words")


def _create_in_postgres() -> None:
    op.create_table(
        "call_words",
        sa.Column("call_id", sa.Uuid, primary_key=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("words", sa.Text, nullable=False),
        sa.Column("terms", TSVECTOR, nullable=False),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], name="fk_call_words_call_id_calls", ondelete="CASCADE"),
    )
    op.create_index("ix_call_words_started_at_call_id", "call_words", ["started_at", "call_id"])
    op.create_index("ix_call_words_terms", "call_words", ["terms"], postgresql_using="gin")
    # Rows are counted more often than read: with their words put elsewhere, a page has ten times as many.
    op.execute("ALTER TABLE call_words SET (toast_tuple_target = 128)")


def _create_in_sqlite() -> None:
    op.create_table(
        "place_words",
        sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("words", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(
            ["place"], ["call_places.place"], name="fk_place_words_place_call_places", ondelete="CASCADE"
        ),
    )
    # Stems are lower-cased letters and digits: this tokenizer leaves them as they are.
    op.execute(
        "CREATE VIRTUAL TABLE spoken_words USING fts5("
        "words, content='place_words', content_rowid='place', columnsize=0, tokenize='ascii')"
    )
    for name, event, statements in (
        ("added", "INSERT", _INDEX),
        ("removed", "DELETE", _FORGET),
        ("changed", "UPDATE", _FORGET + _INDEX),
    ):
        op.execute(f"CREATE TRIGGER place_words_{name} AFTER {event} ON place_words BEGIN {statements} END")


def _fill(statement: str, values: Callable[[str], dict[str, Any]]) -> None:
    stem: Callable[[str], str] | None = None  # a new database has no use for it
    for call_id, text in _transcripts():
        stem = stem or _stemmer()
        _execute(statement, call_id, **values(indexed(text, stem)))


def _execute(statement: str, call_id: object, **values: object) -> None:
    op.get_bind().execute(sa.text(statement).bindparams(sa.bindparam("call", call_id, sa.Uuid)), values)


def _transcripts() -> Iterator[tuple[object, str]]:
    """Yield for each call that has a transcript its id and the text: that of the first step, if there are several."""
    recordings = sa.table("recordings", sa.column("id", sa.Uuid), sa.column("call_id", sa.Uuid))
    found = sa.table("findings", *map(sa.column, ("recording_id", "analyzer", "kind", "payload")))
    steps = sa.table("steps", *map(sa.column, ("recording_id", "analyzer", "position")))
    each = (
        sa.select(recordings.c.id, recordings.c.call_id, found.c.payload)
        .join(found, found.c.recording_id == recordings.c.id)
        .join(steps, (steps.c.recording_id == recordings.c.id) & (steps.c.analyzer == found.c.analyzer))
        .where(found.c.kind == "transcript")
        .order_by(recordings.c.id, steps.c.position)
        .limit(BATCH)
    )
    last: Any = None
    while rows := op.get_bind().execute(each if last is None else each.where(recordings.c.id > last)).all():
        for row in rows:
            if row.id != last:
                yield row.call_id, json.loads(row.payload)["text"]
            last = row.id


def _stemmer() -> Callable[[str], str]:
    # Here, because the package loads dozens of languages, and Alembic every migration that there is.
    from snowballstemmer.english_stemmer import EnglishStemmer  # type: ignore[import-untyped]  # noqa: PLC0415
    from snowballstemmer.russian_stemmer import RussianStemmer  # type: ignore[import-untyped]  # noqa: PLC0415

    english, russian = EnglishStemmer(), RussianStemmer()

    @cache
    def stem(word: str) -> str:
        if word.isascii():
            return str(english.stemWord(word)) or word
        return (str(russian.stemWord(word)) or word) if "а" <= word[0] <= "я" else word

    return stem
