"""The first tables.

Derived once from `data.store.sql_tables`; a revision that was published is never edited.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables of studies, participants, trials and decisions."""
    _create_studies()
    _create_participants()
    _create_trials()
    _create_answers_and_events()


def _create_studies() -> None:
    op.create_table(
        "study",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("task_name", sa.Text(), nullable=False),
        sa.Column("task_hash", sa.Text(), nullable=False),
        sa.Column("study_file", sa.Text(), nullable=False),
        sa.Column("study_hash", sa.Text(), nullable=False),
        sa.Column("participants", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("participants IN ('people', 'simulated')", name=op.f("ck_study_participants")),
        sa.CheckConstraint("status IN ('open', 'closed')", name=op.f("ck_study_status")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_study")),
    )
    op.create_table(
        "bundle",
        sa.Column("bundle_hash", sa.Text(), nullable=False),
        sa.Column("bundle_path", sa.Text(), nullable=False),
        sa.Column("task_hash", sa.Text(), nullable=False),
        sa.Column("trained_on", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("manifest", sa.Text(), nullable=False),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('explore', 'learned')", name=op.f("ck_bundle_kind")),
        sa.CheckConstraint(
            "trained_on IN ('nothing', 'people', 'simulated')", name=op.f("ck_bundle_trained_on")
        ),
        sa.PrimaryKeyConstraint("bundle_hash", name=op.f("pk_bundle")),
    )
    op.create_table(
        "study_round",
        sa.Column("study_name", sa.Text(), nullable=False),
        sa.Column("round_number", sa.Integer(), nullable=False),
        sa.Column("bundle_hash", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["bundle_hash"], ["bundle.bundle_hash"], name=op.f("fk_study_round_bundle_hash")
        ),
        sa.ForeignKeyConstraint(["study_name"], ["study.name"], name=op.f("fk_study_round_study_name")),
        sa.PrimaryKeyConstraint("study_name", "round_number", name=op.f("pk_study_round")),
    )


def _create_participants() -> None:
    op.create_table(
        "participant",
        sa.Column("participant_key", sa.Text(), nullable=False),
        sa.Column("study_name", sa.Text(), nullable=False),
        sa.Column("round_number", sa.Integer(), nullable=False),
        sa.Column("bundle_hash", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("condition", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("session_token_hash", sa.Text(), nullable=True),
        sa.Column("lease_id", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completion_code", sa.Text(), nullable=True),
        sa.CheckConstraint("kind IN ('people', 'simulated')", name=op.f("ck_participant_kind")),
        sa.CheckConstraint(
            "status IN ('active', 'completed', 'returned', 'timed_out', 'screened_out')",
            name=op.f("ck_participant_status"),
        ),
        sa.ForeignKeyConstraint(
            ["bundle_hash"], ["bundle.bundle_hash"], name=op.f("fk_participant_bundle_hash")
        ),
        sa.ForeignKeyConstraint(["study_name"], ["study.name"], name=op.f("fk_participant_study_name")),
        sa.PrimaryKeyConstraint("participant_key", name=op.f("pk_participant")),
        sa.UniqueConstraint("session_token_hash", name=op.f("uq_participant_session_token_hash")),
    )
    op.create_index(
        op.f("ix_participant_study_name_round_number_condition"),
        "participant",
        ["study_name", "round_number", "condition"],
    )
    op.create_table(
        "recruitment",
        sa.Column("participant_key", sa.Text(), nullable=False),
        sa.Column("study_name", sa.Text(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("session_id", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["participant_key"], ["participant.participant_key"], name=op.f("fk_recruitment_participant_key")
        ),
        sa.ForeignKeyConstraint(["study_name"], ["study.name"], name=op.f("fk_recruitment_study_name")),
        sa.PrimaryKeyConstraint("participant_key", name=op.f("pk_recruitment")),
        sa.UniqueConstraint(
            "study_name",
            "platform",
            "external_id",
            name=op.f("uq_recruitment_study_name_platform_external_id"),
        ),
    )


def _create_trials() -> None:
    op.create_table(
        "trial",
        sa.Column("trial_key", sa.Text(), nullable=False),
        sa.Column("participant_key", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("application_id", sa.Text(), nullable=False),
        sa.Column("split", sa.Text(), nullable=False),
        sa.Column("condition", sa.Text(), nullable=False),
        sa.Column("bundle_hash", sa.Text(), nullable=False),
        sa.Column("image", sa.Text(), nullable=True),
        sa.Column("image_sha256", sa.Text(), nullable=True),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("propensity", sa.Double(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('main', 'practice', 'attention', 'repeated')", name=op.f("ck_trial_kind")
        ),
        sa.CheckConstraint("split IN ('train', 'test')", name=op.f("ck_trial_split")),
        sa.ForeignKeyConstraint(["bundle_hash"], ["bundle.bundle_hash"], name=op.f("fk_trial_bundle_hash")),
        sa.ForeignKeyConstraint(
            ["participant_key"], ["participant.participant_key"], name=op.f("fk_trial_participant_key")
        ),
        sa.PrimaryKeyConstraint("trial_key", name=op.f("pk_trial")),
        sa.UniqueConstraint("participant_key", "position", name=op.f("uq_trial_participant_key_position")),
    )
    op.create_table(
        "decision",
        sa.Column("trial_key", sa.Text(), nullable=False),
        sa.Column("participant_key", sa.Text(), nullable=False),
        sa.Column("choice", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=True),
        sa.Column("response_time_ms", sa.Double(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("study_hash", sa.Text(), nullable=False),
        sa.Column("bundle_hash", sa.Text(), nullable=False),
        sa.Column("n_blur", sa.Integer(), nullable=False),
        sa.Column("n_focus", sa.Integer(), nullable=False),
        sa.Column("n_key", sa.Integer(), nullable=False),
        sa.Column("n_paste", sa.Integer(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("choice IN ('approve', 'deny')", name=op.f("ck_decision_choice")),
        sa.ForeignKeyConstraint(
            ["bundle_hash"], ["bundle.bundle_hash"], name=op.f("fk_decision_bundle_hash")
        ),
        sa.ForeignKeyConstraint(
            ["participant_key"], ["participant.participant_key"], name=op.f("fk_decision_participant_key")
        ),
        sa.ForeignKeyConstraint(["trial_key"], ["trial.trial_key"], name=op.f("fk_decision_trial_key")),
        sa.PrimaryKeyConstraint("trial_key", name=op.f("pk_decision")),
    )
    op.create_index(op.f("ix_decision_participant_key"), "decision", ["participant_key"])


def _create_answers_and_events() -> None:
    op.create_table(
        "answer",
        sa.Column("row_number", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("participant_key", sa.Text(), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["participant_key"], ["participant.participant_key"], name=op.f("fk_answer_participant_key")
        ),
        sa.PrimaryKeyConstraint("row_number", name=op.f("pk_answer")),
    )
    op.create_index(op.f("ix_answer_participant_key"), "answer", ["participant_key"])
    op.create_table(
        "event",
        sa.Column("row_number", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("participant_key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["participant_key"], ["participant.participant_key"], name=op.f("fk_event_participant_key")
        ),
        sa.PrimaryKeyConstraint("row_number", name=op.f("pk_event")),
    )
    op.create_index(op.f("ix_event_participant_key"), "event", ["participant_key"])
