"""The seed of each round's allocation to conditions."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the seed; rounds that began before have none."""
    op.add_column("study_round", sa.Column("allocation_seed", sa.Integer(), nullable=True))
