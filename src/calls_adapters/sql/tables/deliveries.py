"""Events, who wants them, and how far each has got."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from calls_adapters.sql.tables.jobs import QUEUED, RUNNING
from calls_adapters.sql.tables.metadata import UtcDateTime, metadata

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
