"""What steps have paid for before their finding is made."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "step_parts",
        sa.Column("recording_id", sa.Uuid, nullable=False),
        sa.Column("analyzer", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("recording_id", "analyzer", "key", name="pk_step_parts"),
        sa.ForeignKeyConstraint(
            ["recording_id"],
            ["recordings.id"],
            name="fk_step_parts_recording_id_recordings",
            ondelete="CASCADE",
        ),
    )


def downgrade() -> None:
    op.drop_table("step_parts")
