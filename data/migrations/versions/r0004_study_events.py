"""What happened to a study as a whole: closings, openings, changes of its file, looks at its data while it was open."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table of study events."""
    op.create_table(
        "study_event",
        sa.Column("row_number", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("study_name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("n_began", sa.Integer(), nullable=False),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind IN ('closed', 'opened', 'changed', 'exported', 'trained')", name=op.f("ck_study_event_kind")
        ),
        sa.ForeignKeyConstraint(["study_name"], ["study.name"], name=op.f("fk_study_event_study_name")),
        sa.PrimaryKeyConstraint("row_number", name=op.f("pk_study_event")),
    )
    op.create_index(op.f("ix_study_event_study_name"), "study_event", ["study_name"])
