"""The feed: every event gets a place and a body after it was committed."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

UNTOLD = sa.text("position IS NULL")


def upgrade() -> None:
    with op.batch_alter_table("events") as events:
        events.alter_column("call_id", existing_type=sa.Uuid, nullable=True)
        events.add_column(sa.Column("destination_id", sa.Uuid))
        events.add_column(sa.Column("position", sa.BigInteger))
        events.add_column(sa.Column("body", sa.Text))
    op.create_index("ix_events_position", "events", ["position"], unique=True)
    op.create_index("ix_events_untold", "events", ["id"], postgresql_where=UNTOLD, sqlite_where=UNTOLD)
    feed = op.create_table(
        "feed",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_feed_one_row")),
    )
    op.bulk_insert(feed, [{"id": 1, "last": 0}])


def downgrade() -> None:
    op.drop_table("feed")
    op.execute("DELETE FROM events WHERE call_id IS NULL")
    op.drop_index("ix_events_untold", "events")
    op.drop_index("ix_events_position", "events")
    with op.batch_alter_table("events") as events:
        events.drop_column("body")
        events.drop_column("position")
        events.drop_column("destination_id")
        events.alter_column("call_id", existing_type=sa.Uuid, nullable=False)
