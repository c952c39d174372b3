"""Destinations, deliveries and their log."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

TIME = sa.DateTime(timezone=True)
INDEXES = {
    "ix_deliveries_due": (["destination_id", "run_at", "id"], sa.text("state = 'queued'")),
    "ix_deliveries_lease": (["lease_until"], sa.text("state = 'running'")),
    "ix_deliveries_waiting": (["destination_id", "id"], sa.text("state IN ('held', 'exhausted')")),
}


def upgrade() -> None:
    op.create_table(
        "destinations",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("mode", sa.Text, nullable=False),
        sa.Column("event_types", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("form", sa.Text),
        sa.Column("secret", sa.Text, nullable=False),
        sa.Column("old_secret", sa.Text),
        sa.Column("old_secret_until", TIME),
        sa.Column("disabled_code", sa.Text),
        sa.Column("disabled_detail", sa.Text),
        sa.Column("failing_since", TIME),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("destination_id", sa.Uuid, sa.ForeignKey("destinations.id", ondelete="CASCADE"), nullable=False),
        sa.Column("event_id", sa.Uuid, sa.ForeignKey("events.id", ondelete="CASCADE"), nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("run_at", TIME, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("token", sa.BigInteger, nullable=False),
        sa.Column("lease_owner", sa.Text),
        sa.Column("lease_until", TIME),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("finished_at", TIME),
        sa.UniqueConstraint("destination_id", "event_id", name=op.f("uq_deliveries_destination_id_event_id")),
    )
    op.create_index("ix_deliveries_event_id", "deliveries", ["event_id"])
    for name, (columns, where) in INDEXES.items():
        op.create_index(name, "deliveries", columns, postgresql_where=where, sqlite_where=where)
    op.create_table(
        "delivery_attempts",
        sa.Column("delivery_id", sa.Uuid, sa.ForeignKey("deliveries.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("token", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("duration_ms", sa.Integer, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("error_code", sa.Text),
        sa.Column("error_detail", sa.Text),
        sa.Column("head", sa.Text, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("delivery_attempts")
    op.drop_table("deliveries")
    op.drop_table("destinations")
