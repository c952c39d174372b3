"""Calls, and what their list is filtered by."""

from typing import Final

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, Table, Text, UniqueConstraint, Uuid

from calls_adapters.sql.tables.metadata import UtcDateTime, metadata

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
