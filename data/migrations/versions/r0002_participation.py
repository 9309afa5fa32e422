"""A participation as a lab runs it: two stages, reasons, attention, quotas, sessions, bonuses."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what a whole participation records; everything stored so far was one-stage."""
    _widen_participants()
    _widen_trials_and_decisions()
    _create_initial_decisions()
    _create_conditions_sessions_and_bonuses()


def _widen_participants() -> None:
    with op.batch_alter_table("participant") as batch:
        batch.add_column(sa.Column("slot", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("consented_at", sa.DateTime(timezone=True), nullable=True))
        batch.add_column(sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE participant SET ended_at = completed_at")
    with op.batch_alter_table("answer", recreate="auto") as batch:
        batch.add_column(sa.Column("kind", sa.Text(), nullable=False, server_default="questionnaire"))
        batch.add_column(sa.Column("is_correct", sa.Boolean(), nullable=True))
        batch.create_check_constraint(
            op.f("ck_answer_kind"), "kind IN ('screening', 'comprehension', 'questionnaire')"
        )


def _widen_trials_and_decisions() -> None:
    with op.batch_alter_table("trial") as batch:
        batch.add_column(sa.Column("n_stages", sa.Integer(), nullable=False, server_default=sa.text("1")))
        batch.add_column(sa.Column("asks_reason", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch.add_column(sa.Column("asked_choice", sa.Text(), nullable=True))
        batch.drop_constraint(op.f("ck_trial_split"), type_="check")
        batch.create_check_constraint(op.f("ck_trial_split"), "split IN ('train', 'validation', 'test')")
        batch.create_check_constraint(op.f("ck_trial_asked_choice"), "asked_choice IN ('approve', 'deny')")
    with op.batch_alter_table("decision") as batch:
        batch.add_column(sa.Column("followup_time_ms", sa.Double(), nullable=True))


def _create_initial_decisions() -> None:
    op.create_table(
        "initial_decision",
        sa.Column("trial_key", sa.Text(), nullable=False),
        sa.Column("participant_key", sa.Text(), nullable=False),
        sa.Column("choice", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=True),
        sa.Column("response_time_ms", sa.Double(), nullable=True),
        sa.Column("followup_time_ms", sa.Double(), nullable=True),
        sa.Column("study_hash", sa.Text(), nullable=False),
        sa.Column("bundle_hash", sa.Text(), nullable=False),
        sa.Column("n_blur", sa.Integer(), nullable=False),
        sa.Column("n_focus", sa.Integer(), nullable=False),
        sa.Column("n_key", sa.Integer(), nullable=False),
        sa.Column("n_paste", sa.Integer(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("choice IN ('approve', 'deny')", name=op.f("ck_initial_decision_choice")),
        sa.ForeignKeyConstraint(
            ["bundle_hash"], ["bundle.bundle_hash"], name=op.f("fk_initial_decision_bundle_hash")
        ),
        sa.ForeignKeyConstraint(
            ["participant_key"],
            ["participant.participant_key"],
            name=op.f("fk_initial_decision_participant_key"),
        ),
        sa.ForeignKeyConstraint(
            ["trial_key"], ["trial.trial_key"], name=op.f("fk_initial_decision_trial_key")
        ),
        sa.PrimaryKeyConstraint("trial_key", name=op.f("pk_initial_decision")),
    )
    op.create_index(op.f("ix_initial_decision_participant_key"), "initial_decision", ["participant_key"])


def _create_conditions_sessions_and_bonuses() -> None:
    op.create_table(
        "study_condition",
        sa.Column("study_name", sa.Text(), nullable=False),
        sa.Column("condition", sa.Text(), nullable=False),
        sa.Column("quota", sa.Integer(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("status IN ('open', 'closed')", name=op.f("ck_study_condition_status")),
        sa.ForeignKeyConstraint(["study_name"], ["study.name"], name=op.f("fk_study_condition_study_name")),
        sa.PrimaryKeyConstraint("study_name", "condition", name=op.f("pk_study_condition")),
    )
    op.create_table(
        "earlier_session",
        sa.Column("session_token_hash", sa.Text(), nullable=False),
        sa.Column("participant_key", sa.Text(), nullable=False),
        sa.Column("replaced_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["participant_key"],
            ["participant.participant_key"],
            name=op.f("fk_earlier_session_participant_key"),
        ),
        sa.PrimaryKeyConstraint("session_token_hash", name=op.f("pk_earlier_session")),
    )
    op.create_index(op.f("ix_earlier_session_participant_key"), "earlier_session", ["participant_key"])
    op.create_table(
        "bonus",
        sa.Column("participant_key", sa.Text(), nullable=False),
        sa.Column("amount", sa.Double(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("n_correct", sa.Integer(), nullable=False),
        sa.Column("listed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["participant_key"], ["participant.participant_key"], name=op.f("fk_bonus_participant_key")
        ),
        sa.PrimaryKeyConstraint("participant_key", name=op.f("pk_bonus")),
    )
