"""What people saw in faces: questions after decisions, and judgements of pairs of pictures."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the questions to trials, their answers to decisions, and the table of judgements."""
    op.add_column("trial", sa.Column("perception_question", sa.Text(), nullable=True))
    op.add_column("decision", sa.Column("perceived", sa.Text(), nullable=True))
    op.add_column("decision", sa.Column("perceived_time_ms", sa.Double(), nullable=True))
    op.create_table(
        "pair_judgement",
        sa.Column("participant_key", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("bundle_hash", sa.Text(), nullable=False),
        sa.Column("axis", sa.Text(), nullable=False),
        sa.Column("left_image", sa.Text(), nullable=False),
        sa.Column("right_image", sa.Text(), nullable=False),
        sa.Column("left_value", sa.Double(), nullable=False),
        sa.Column("right_value", sa.Double(), nullable=False),
        sa.Column("choice", sa.Text(), nullable=False),
        sa.Column("response_time_ms", sa.Double(), nullable=False),
        sa.Column("judged_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("choice IN ('left', 'right')", name=op.f("ck_pair_judgement_choice")),
        sa.ForeignKeyConstraint(
            ["participant_key"],
            ["participant.participant_key"],
            name=op.f("fk_pair_judgement_participant_key"),
        ),
        sa.ForeignKeyConstraint(
            ["bundle_hash"], ["bundle.bundle_hash"], name=op.f("fk_pair_judgement_bundle_hash")
        ),
        sa.PrimaryKeyConstraint("participant_key", "position", name=op.f("pk_pair_judgement")),
    )
