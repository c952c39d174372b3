"""Calls, recordings, jobs, holds, events, audit, intake."""

from typing import Any, Final

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

TIME: Final = sa.DateTime(timezone=True)
QUEUED: Final = "state = 'queued'"


def upgrade() -> None:
    _create_calls()
    _create_recordings()
    _create_jobs()
    op.create_table(
        "events",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("call_id", sa.Uuid, nullable=False),
        sa.Column("occurred_at", TIME, nullable=False),
    )
    op.create_index("ix_events_call_id", "events", ["call_id"])
    op.create_table(
        "holds",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("until", TIME, nullable=False),
        sa.Column("doomed", sa.Boolean, nullable=False),
    )
    op.create_index("ix_holds_until", "holds", ["until"])
    op.create_table(
        "audit",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("at", TIME, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("call_id", sa.Uuid),
        sa.Column("details", sa.Text, nullable=False),
    )
    op.create_index("ix_audit_at", "audit", ["at"])
    op.create_table(
        "intake",
        sa.Column(
            "id",
            sa.Integer,
            sa.CheckConstraint("id = 1", name="ck_intake_one_row"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("accepting", sa.Boolean, nullable=False),
        sa.Column("reason", sa.Text),
    )
    if op.get_context().dialect.name == "postgresql":
        _create_postgres_search()
    else:
        _create_sqlite_search()


def downgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        search = ["call_keys"]
    else:
        search = ["call_places", "call_trigrams", "call_bigrams"]
    for name in (
        "intake",
        "audit",
        "holds",
        "events",
        "jobs",
        "findings",
        "steps",
        "recordings",
        *search,
        "call_tags",
        "calls",
    ):
        op.drop_table(name)


def _create_calls() -> None:
    op.create_table(
        "calls",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("caller", sa.Text, nullable=False),
        sa.Column("receiver", sa.Text, nullable=False),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("external_id", sa.Text),
        sa.Column("direction", sa.Text),
        sa.Column("agent", sa.Text),
        sa.Column("tags", sa.Text, nullable=False),
        sa.Column("metadata", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("duration_sec", sa.Float(53)),
        sa.Column("silence_sec", sa.Float(53)),
        sa.Column("failure_code", sa.Text),
        sa.Column("failure_detail", sa.Text),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.UniqueConstraint("external_id", name="uq_calls_external_id"),
    )
    op.create_index("ix_calls_started_at_id", "calls", ["started_at", "id"])
    op.create_index("ix_calls_status_started_at_id", "calls", ["status", "started_at", "id"])
    op.create_index(
        "ix_calls_agent_started_at_id", "calls", ["agent", "started_at", "id"], **_where("agent IS NOT NULL")
    )
    op.create_table(
        "call_tags",
        sa.Column("tag", sa.Text, primary_key=True),
        sa.Column("call_id", sa.Uuid, *_owner("call_tags", "calls"), primary_key=True),
    )
    op.create_index("ix_call_tags_call_id", "call_tags", ["call_id"])


def _create_recordings() -> None:
    op.create_table(
        "recordings",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("call_id", sa.Uuid, *_owner("recordings", "calls"), nullable=False),
        sa.Column("filename", sa.Text, nullable=False),
        sa.Column("media_type", sa.Text, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("storage_key", sa.Text, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.Column("said", sa.Text),
        sa.UniqueConstraint("call_id", name="uq_recordings_call_id"),
        sa.UniqueConstraint("storage_key", name="uq_recordings_storage_key"),
    )
    op.create_table(
        "steps",
        sa.Column("recording_id", sa.Uuid, *_owner("steps", "recordings"), primary_key=True),
        sa.Column("analyzer", sa.Text, primary_key=True),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("after", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("error_code", sa.Text),
        sa.Column("error_detail", sa.Text),
        sa.Column("next_attempt_at", TIME),
        sa.Column("started_at", TIME),
        sa.Column("finished_at", TIME),
    )
    op.create_table(
        "findings",
        sa.Column("recording_id", sa.Uuid, *_owner("findings", "recordings"), primary_key=True),
        sa.Column("analyzer", sa.Text, primary_key=True),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
    )


def _create_jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("call_id", sa.Uuid, *_owner("jobs", "calls"), nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("run_at", TIME, nullable=False),
        sa.Column("deadline_at", TIME, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("max_attempts", sa.Integer, nullable=False),
        sa.Column("deferrals", sa.Integer, nullable=False),
        sa.Column("token", sa.BigInteger, nullable=False),
        sa.Column("lease_owner", sa.Text),
        sa.Column("lease_until", TIME),
        sa.Column("announced_at", TIME),
        sa.Column("source_url", sa.Text),
        sa.Column("source_filename", sa.Text),
        sa.Column("error_code", sa.Text),
        sa.Column("error_detail", sa.Text),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("finished_at", TIME),
    )
    op.create_index("ix_jobs_call_id", "jobs", ["call_id"])
    op.create_index("ix_jobs_due", "jobs", ["run_at", "id"], **_where(QUEUED))
    op.create_index("ix_jobs_lease", "jobs", ["lease_until"], **_where("state = 'running'"))
    op.create_index("ix_jobs_deadline", "jobs", ["deadline_at"], **_where(QUEUED))
    op.create_index("ix_jobs_used_up", "jobs", ["run_at"], **_where(f"{QUEUED} AND attempt >= max_attempts"))
    op.create_index("uq_jobs_live", "jobs", ["call_id"], unique=True, **_where("state IN ('queued', 'running')"))


def _create_postgres_search() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    op.create_table(
        "call_keys",
        sa.Column("call_id", sa.Uuid, *_owner("call_keys", "calls"), primary_key=True),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("search_key", sa.Text, nullable=False),
    )
    op.create_index("ix_call_keys_started_at_call_id", "call_keys", ["started_at", "call_id"])
    for table, column in (("call_keys", "search_key"), ("recordings", "said")):
        op.create_index(
            f"ix_{table}_{column}", table, [column], postgresql_using="gin", postgresql_ops={column: "gin_trgm_ops"}
        )
    # Whether to walk or to look up is decided by how rare a piece is: 100 samples cannot tell one in a thousand.
    op.execute("ALTER TABLE call_keys ALTER COLUMN search_key SET STATISTICS 500")


def _create_sqlite_search() -> None:
    op.create_table(
        "call_places",
        sa.Column("place", sa.Integer, primary_key=True),
        sa.Column("call_id", sa.Uuid, *_owner("call_places", "calls"), nullable=False),
        sa.Column("search_key", sa.Text, nullable=False),
        sa.UniqueConstraint("call_id", name="uq_call_places_call_id"),
    )
    op.execute(
        "CREATE VIRTUAL TABLE call_trigrams USING fts5("
        "search_key, content='call_places', content_rowid='place', tokenize='trigram case_sensitive 1')"
    )
    # Words of the index are the UTF-8 bytes of two characters, in hex: pieces too short for trigrams are found there.
    op.execute(
        "CREATE VIRTUAL TABLE call_bigrams USING fts5("
        "bigrams, content='', detail='none', columnsize=0, tokenize='ascii')"
    )
    longest = ",".join(str(position) for position in range(1, 257))
    bigrams = (
        "SELECT group_concat(hex(substr({row}.search_key, value, 2)), ' ')"
        f" FROM json_each('[{longest}]') WHERE value < length({{row}}.search_key)"
    )
    op.execute(
        "CREATE TRIGGER call_places_added AFTER INSERT ON call_places BEGIN"
        " INSERT INTO call_trigrams(rowid, search_key) VALUES (new.place, new.search_key);"
        f" INSERT INTO call_bigrams(rowid, bigrams) VALUES (new.place, ({bigrams.format(row='new')}));"
        " END"
    )
    op.execute(
        "CREATE TRIGGER call_places_removed AFTER DELETE ON call_places BEGIN"
        " INSERT INTO call_trigrams(call_trigrams, rowid, search_key) VALUES ('delete', old.place, old.search_key);"
        " INSERT INTO call_bigrams(call_bigrams, rowid, bigrams)"
        f" VALUES ('delete', old.place, ({bigrams.format(row='old')}));"
        " END"
    )


def _owner(table: str, owner: str) -> tuple[sa.ForeignKey]:
    column = f"{owner.removesuffix('s')}_id"
    return (sa.ForeignKey(f"{owner}.id", name=f"fk_{table}_{column}_{owner}", ondelete="CASCADE"),)


def _where(condition: str) -> dict[str, Any]:
    return {"postgresql_where": sa.text(condition), "sqlite_where": sa.text(condition)}
