"""What analysts add, where copies of the data went, and who was erased."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables of code books, exports, runs and erasures."""
    _create_codes()
    _create_copies()
    op.create_table(
        "erasure",
        sa.Column("erasure_key", sa.Text(), nullable=False),
        sa.Column("study_name", sa.Text(), nullable=False),
        sa.Column("participant_hash", sa.Text(), nullable=False),
        sa.Column("identity_hash", sa.Text(), nullable=True),
        sa.Column("key_check", sa.Text(), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["study_name"], ["study.name"], name=op.f("fk_erasure_study_name")),
        sa.PrimaryKeyConstraint("erasure_key", name=op.f("pk_erasure")),
    )
    op.create_index(op.f("ix_erasure_study_name"), "erasure", ["study_name"])


def _create_codes() -> None:
    op.create_table(
        "code_book_entry",
        sa.Column("study_name", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("keywords", sa.Text(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["study_name"], ["study.name"], name=op.f("fk_code_book_entry_study_name")),
        sa.PrimaryKeyConstraint("study_name", "code", name=op.f("pk_code_book_entry")),
    )
    op.create_table(
        "reason_code",
        sa.Column("trial_key", sa.Text(), nullable=False),
        sa.Column("coder", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("participant_key", sa.Text(), nullable=False),
        sa.Column("coded_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["participant_key"], ["participant.participant_key"], name=op.f("fk_reason_code_participant_key")
        ),
        sa.ForeignKeyConstraint(["trial_key"], ["trial.trial_key"], name=op.f("fk_reason_code_trial_key")),
        sa.PrimaryKeyConstraint("trial_key", "coder", "code", name=op.f("pk_reason_code")),
    )
    op.create_index(op.f("ix_reason_code_participant_key"), "reason_code", ["participant_key"])


def _create_copies() -> None:
    op.create_table(
        "export_folder",
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("study_name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("exported_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('people', 'simulated')", name=op.f("ck_export_folder_kind")),
        sa.ForeignKeyConstraint(["study_name"], ["study.name"], name=op.f("fk_export_folder_study_name")),
        sa.PrimaryKeyConstraint("folder", name=op.f("pk_export_folder")),
    )
    op.create_table(
        "training_run",
        sa.Column("run_key", sa.Text(), nullable=False),
        sa.Column("study_name", sa.Text(), nullable=False),
        sa.Column("participants", sa.Text(), nullable=False),
        sa.Column("run_path", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("response_sha256", sa.Text(), nullable=True),
        sa.Column("n_erased", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "participants IN ('people', 'simulated')", name=op.f("ck_training_run_participants")
        ),
        sa.ForeignKeyConstraint(["study_name"], ["study.name"], name=op.f("fk_training_run_study_name")),
        sa.PrimaryKeyConstraint("run_key", name=op.f("pk_training_run")),
    )
