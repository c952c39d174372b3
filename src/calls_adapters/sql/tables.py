"""The relational schema. A test compares it with what the migrations make.

Tables whose ``info`` names a dialect exist in databases of that dialect only.
"""

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """Aware in, aware in UTC out. SQLite has no zones: there the UTC text is stored, which sorts as time does."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            msg = "a time without a zone: guessing one would corrupt the order silently"
            raise ValueError(msg)
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        # asyncpg has no zone either for the last microsecond of the year 9999, which PostgreSQL calls infinity.
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    }
)

calls: Final = Table(
    "calls",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("caller", Text, nullable=False),
    Column("receiver", Text, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("external_id", Text),
    Column("direction", Text),
    Column("agent", Text),
    Column("tags", Text, nullable=False),
    Column("metadata", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("duration_sec", Float(53)),
    Column("silence_sec", Float(53)),
    Column("failure_code", Text),
    Column("failure_detail", Text),
    Column("found_tags", Text),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("hold_reason", Text),
    Column("hold_since", UtcDateTime),
    Column("hold_by", Text),
    UniqueConstraint("external_id"),
    Index(None, "started_at", "id"),
    Index(None, "status", "started_at", "id"),
    Index(None, "created_at"),
)
Index(
    None,
    calls.c.agent,
    calls.c.started_at,
    calls.c.id,
    postgresql_where=calls.c.agent.is_not(None),
    sqlite_where=calls.c.agent.is_not(None),
)

call_tags: Final = Table(
    "call_tags",
    metadata,
    Column("tag", Text, primary_key=True),
    Column("call_id", ForeignKey("calls.id", ondelete="CASCADE"), primary_key=True),
    Index(None, "call_id"),
)
"""What the list is filtered by: the tags given and found, which the call carries itself, too."""

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

QUEUED: Final = text("state = 'queued'")
RUNNING: Final = text("state = 'running'")
LIVE: Final = text("state IN ('queued', 'running')")
USED_UP: Final = text("state = 'queued' AND attempt >= max_attempts")

jobs: Final = Table(
    "jobs",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("call_id", ForeignKey("calls.id", ondelete="CASCADE"), nullable=False),
    Column("state", Text, nullable=False),
    Column("run_at", UtcDateTime, nullable=False),
    Column("deadline_at", UtcDateTime, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("max_attempts", Integer, nullable=False),
    Column("deferrals", Integer, nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("lease_owner", Text),
    Column("lease_until", UtcDateTime),
    Column("announced_at", UtcDateTime),
    Column("source_url", Text),
    Column("source_filename", Text),
    Column("traceparent", Text),
    Column("error_code", Text),
    Column("error_detail", Text),
    Column("created_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    Index(None, "call_id"),
    Index("ix_jobs_due", "run_at", "id", postgresql_where=QUEUED, sqlite_where=QUEUED),
    Index("ix_jobs_lease", "lease_until", postgresql_where=RUNNING, sqlite_where=RUNNING),
    Index("ix_jobs_deadline", "deadline_at", postgresql_where=QUEUED, sqlite_where=QUEUED),
    Index("ix_jobs_used_up", "run_at", postgresql_where=USED_UP, sqlite_where=USED_UP),
    Index("uq_jobs_live", "call_id", unique=True, postgresql_where=LIVE, sqlite_where=LIVE),
)
"""The queue of record. At most one job of a call is not done."""

UNTOLD: Final = text("position IS NULL")
TOLD: Final = text("position IS NOT NULL")

events: Final = Table(
    "events",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("type", Text, nullable=False),
    Column("call_id", Uuid),
    Column("occurred_at", UtcDateTime, nullable=False),
    Column("destination_id", Uuid, info={"later": True}),
    Column("position", BigInteger, info={"later": True}),
    Column("body", Text, info={"later": True}),
    Index(None, "call_id"),
    Index(None, "position", unique=True),
    Index("ix_events_occurred_at", "occurred_at", postgresql_where=TOLD, sqlite_where=TOLD),
    Index("ix_events_untold", "id", postgresql_where=UNTOLD, sqlite_where=UNTOLD),
)
"""Without a foreign key: that a call was deleted is told when it is gone. Columns that are filled in *later* are so by
the notifier, off the path of requests: the place in the feed, and the body that everybody is told."""

feed: Final = Table(
    "feed",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1", name="one_row"), primary_key=True, autoincrement=False),
    Column("last", BigInteger, nullable=False),
    Column("forgotten", BigInteger, nullable=False, server_default="0"),
)
"""The last place that was given, and the last that was cleared away again when its event was old: apart from
``events``, for the event that had it may have been erased. Whoever gives
places holds this row locked until its transaction has ended, so that places become visible in their order."""

destinations: Final = Table(
    "destinations",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("event_types", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("form", Text),
    Column("secret", Text, nullable=False),
    Column("old_secret", Text),
    Column("old_secret_until", UtcDateTime),
    Column("disabled_code", Text),
    Column("disabled_detail", Text),
    Column("failing_since", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

GIVEN_UP: Final = text("state IN ('held', 'exhausted')")

deliveries: Final = Table(
    "deliveries",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("destination_id", ForeignKey("destinations.id", ondelete="CASCADE"), nullable=False),
    Column("event_id", ForeignKey("events.id", ondelete="CASCADE"), nullable=False),
    Column("state", Text, nullable=False),
    Column("run_at", UtcDateTime, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("lease_owner", Text),
    Column("lease_until", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    UniqueConstraint("destination_id", "event_id"),
    Index(None, "event_id"),
    Index("ix_deliveries_due", "destination_id", "run_at", "id", postgresql_where=QUEUED, sqlite_where=QUEUED),
    Index("ix_deliveries_lease", "lease_until", postgresql_where=RUNNING, sqlite_where=RUNNING),
    Index("ix_deliveries_waiting", "destination_id", "id", postgresql_where=GIVEN_UP, sqlite_where=GIVEN_UP),
)

attempts: Final = Table(
    "delivery_attempts",
    metadata,
    Column("delivery_id", ForeignKey("deliveries.id", ondelete="CASCADE"), primary_key=True),
    Column("token", BigInteger, primary_key=True, autoincrement=False),
    Column("at", UtcDateTime, nullable=False),
    Column("duration_ms", Integer, nullable=False),
    Column("status", Integer),
    Column("error_code", Text),
    Column("error_detail", Text),
    Column("head", Text, nullable=False),
)
"""The log of deliveries: one row for each attempt that came to an end, under the token of its claim."""

holds: Final = Table(
    "holds",
    metadata,
    Column("key", Text, primary_key=True),
    Column("until", UtcDateTime, nullable=False),
    Column("doomed", Boolean, nullable=False),
    Index(None, "until"),
)

audit: Final = Table(
    "audit",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("action", Text, nullable=False),
    Column("call_id", Uuid),
    Column("details", Text, nullable=False),
    Column("actor", Text, nullable=False, server_default="system"),
    Column("actor_name", Text, nullable=False, server_default=""),
    Column("ip", Text),
    Index(None, "at"),
    Index(None, "call_id", "id"),
    Index(None, "actor", "id"),
)
"""Rows are added and read, and nothing else. Its actors have no foreign key: what they did stays when they are gone."""

intake: Final = Table(
    "intake",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1", name="one_row"), primary_key=True, autoincrement=False),
    Column("accepting", Boolean, nullable=False),
    Column("reason", Text),
)

idempotency_keys: Final = Table(
    "idempotency_keys",
    metadata,
    Column("owner", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("token", BigInteger, nullable=False),
    Column("until", UtcDateTime, nullable=False),
    Column("payload_sha256", Text),
    Column("status", Integer),
    Column("location", Text),
    Column("body", Text),
    Column("call_id", ForeignKey("calls.id", ondelete="CASCADE")),
    Index(None, "until"),
    Index(None, "call_id"),
)
"""Without a status it is a claim, with one an answer; each over at *until*. It goes with the call that it tells of."""

uploads: Final = Table(
    "uploads",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("filename", Text, nullable=False),
    Column("length", BigInteger, nullable=False),
    Column("received", BigInteger, nullable=False),
    Column("call_id", Uuid),
    Column("details", Text),
    Column("token", BigInteger, nullable=False),
    Column("finished", Boolean, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Index(None, "expires_at"),
    Index(None, "call_id"),
)

upload_parts: Final = Table(
    "upload_parts",
    metadata,
    Column("upload_id", ForeignKey("uploads.id", ondelete="CASCADE"), primary_key=True),
    Column("begins_at", BigInteger, primary_key=True),
    Column("size_bytes", BigInteger, nullable=False),
    Column("key", Text, nullable=False),
)
"""Removed by nothing but a transaction that puts the keys on holds: the bytes are then the sweep's."""
