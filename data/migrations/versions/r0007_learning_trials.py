"""Learning trials, and the past cases that are shown beside an application."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Trials may be there to learn from; which past cases stood beside one, and how often they were opened."""
    with op.batch_alter_table("trial") as batch:
        batch.add_column(sa.Column("examples", sa.Text(), nullable=True))
        batch.drop_constraint(op.f("ck_trial_kind"), type_="check")
        batch.create_check_constraint(
            op.f("ck_trial_kind"), "kind IN ('main', 'practice', 'learning', 'attention', 'repeated')"
        )
    with op.batch_alter_table("decision") as batch:
        batch.add_column(sa.Column("n_examples_opened", sa.Integer(), nullable=True))
