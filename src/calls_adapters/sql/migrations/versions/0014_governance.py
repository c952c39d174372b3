"""Legal holds, what is gone of a recording, and erasures with their receipts."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

TIME: Final = sa.DateTime(timezone=True)
AUDIO_THERE: Final = sa.text("audio_removed_at IS NULL")
WORDS_THERE: Final = sa.text("transcript_removed_at IS NULL")
UNFINISHED: Final = sa.text("finished_at IS NULL")


def upgrade() -> None:
    op.add_column("calls", sa.Column("hold_reason", sa.Text))
    op.add_column("calls", sa.Column("hold_since", TIME))
    op.add_column("calls", sa.Column("hold_by", sa.Text))
    op.create_index("ix_calls_created_at", "calls", ["created_at"])
    op.add_column("recordings", sa.Column("audio_removed_at", TIME))
    op.add_column("recordings", sa.Column("transcript_removed_at", TIME))
    for name, there in (("ix_recordings_audio_age", AUDIO_THERE), ("ix_recordings_words_age", WORDS_THERE)):
        op.create_index(name, "recordings", ["created_at"], postgresql_where=there, sqlite_where=there)
    op.create_table(
        "erasures",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("number", sa.Text),
        sa.Column("number_sha256", sa.Text, nullable=False),
        sa.Column("by_id", sa.Text, nullable=False),
        sa.Column("by_name", sa.Text, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("finished_at", TIME),
    )
    op.create_index("ix_erasures_unfinished", "erasures", ["id"], postgresql_where=UNFINISHED, sqlite_where=UNFINISHED)
    op.create_table(
        "erased_calls",
        sa.Column("erasure_id", sa.Uuid, primary_key=True),
        sa.Column("call_id", sa.Uuid, primary_key=True),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("sha256", sa.Text),
        sa.Column("size_bytes", sa.BigInteger),
        sa.ForeignKeyConstraint(
            ["erasure_id"], ["erasures.id"], name="fk_erased_calls_erasure_id_erasures", ondelete="CASCADE"
        ),
    )


def downgrade() -> None:
    op.drop_table("erased_calls")
    op.drop_table("erasures")
    op.drop_index("ix_recordings_words_age", "recordings")
    op.drop_index("ix_recordings_audio_age", "recordings")
    op.drop_column("recordings", "transcript_removed_at")
    op.drop_column("recordings", "audio_removed_at")
    op.drop_index("ix_calls_created_at", "calls")
    for column in ("hold_by", "hold_since", "hold_reason"):
        op.drop_column("calls", column)
