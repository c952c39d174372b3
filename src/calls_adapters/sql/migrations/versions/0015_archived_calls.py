"""Which calls an archive holds."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.create_table(
        "archived_calls",
        sa.Column("export_id", sa.Uuid, primary_key=True),
        sa.Column("call_id", sa.Uuid, primary_key=True),
        sa.ForeignKeyConstraint(
            ["export_id"], ["exports.id"], name="fk_archived_calls_export_id_exports", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], name="fk_archived_calls_call_id_calls", ondelete="CASCADE"),
    )
    op.create_index("ix_archived_calls_call_id", "archived_calls", ["call_id"])


def downgrade() -> None:
    op.drop_table("archived_calls")
