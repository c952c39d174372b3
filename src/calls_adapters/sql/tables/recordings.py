"""Recordings, their steps, and what these found."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from calls_adapters.sql.tables.metadata import UtcDateTime, metadata

AUDIO_THERE: Final = text("audio_removed_at IS NULL")
WORDS_THERE: Final = text("transcript_removed_at IS NULL")

recordings: Final = Table(
    "recordings",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("call_id", ForeignKey("calls.id", ondelete="CASCADE"), nullable=False),
    Column("filename", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("storage_key", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("redacted_key", Text),
    Column("redacted_size_bytes", BigInteger),
    Column("redacted_sha256", Text),
    Column("audio_removed_at", UtcDateTime),
    Column("transcript_removed_at", UtcDateTime),
    UniqueConstraint("call_id"),
    UniqueConstraint("storage_key"),
    Index("ix_recordings_audio_age", "created_at", postgresql_where=AUDIO_THERE, sqlite_where=AUDIO_THERE),
    Index("ix_recordings_words_age", "created_at", postgresql_where=WORDS_THERE, sqlite_where=WORDS_THERE),
)

steps: Final = Table(
    "steps",
    metadata,
    Column("recording_id", ForeignKey("recordings.id", ondelete="CASCADE"), primary_key=True),
    Column("analyzer", Text, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("version", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("error_code", Text),
    Column("error_detail", Text),
    Column("next_attempt_at", UtcDateTime),
    Column("started_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
)

findings: Final = Table(
    "findings",
    metadata,
    Column("recording_id", ForeignKey("recordings.id", ondelete="CASCADE"), primary_key=True),
    Column("analyzer", Text, primary_key=True),
    Column("version", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("payload", Text, nullable=False),
)

step_parts: Final = Table(
    "step_parts",
    metadata,
    Column("recording_id", ForeignKey("recordings.id", ondelete="CASCADE"), primary_key=True),
    Column("analyzer", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("content", LargeBinary, nullable=False),
)
"""What steps without a finding have paid for or wait for. Empty content is a place for an answer."""
