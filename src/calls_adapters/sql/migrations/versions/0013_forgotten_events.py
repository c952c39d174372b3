"""Old events are forgotten: they are found by their age, and the feed knows where it begins."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    told = sa.text("position IS NOT NULL")
    op.create_index("ix_events_occurred_at", "events", ["occurred_at"], postgresql_where=told, sqlite_where=told)
    op.add_column("feed", sa.Column("forgotten", sa.BigInteger, nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("feed", "forgotten")
    op.drop_index("ix_events_occurred_at", "events")
