"""The applications of a decision task: read, split for ever, and drawn into pools and trials."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from data.errors import TaskError
from data.tasks.decision_task import DecisionTask
from data.tasks.standardiser import Standardiser
from data.tasks.table import read_table

__all__ = ["Applications", "Standardiser", "draw_balanced_trials", "draw_pool", "read_applications"]

Split = Literal["train", "validation", "test"]
SPLITS = pd.Index(["train", "validation", "test"])
TRAIN_BELOW = 0.6
VALIDATION_BELOW = 0.8


@dataclass(frozen=True, eq=False)
class Applications:
    """Applications with their outcomes and splits, all indexed by application id (text).

    `frame` holds the value columns (what machine, participants or audits may see, as the task says),
    `outcomes` int8 (1 = repaid), `splits` the category "train", "validation" or "test".
    """

    task: DecisionTask
    frame: pd.DataFrame
    outcomes: pd.Series
    splits: pd.Series

    def __len__(self) -> int:
        return len(self.frame)

    def select(self, split: Split) -> "Applications":
        """Those of one split."""
        chosen = (self.splits == split).to_numpy()
        return Applications(self.task, self.frame[chosen], self.outcomes[chosen], self.splits[chosen])

    def without(self, ids: Collection[str]) -> "Applications":
        """All but these."""
        if not len(ids):
            return self
        kept = ~self.frame.index.isin(list(ids))
        return Applications(self.task, self.frame[kept], self.outcomes[kept], self.splits[kept])


def read_applications(task: DecisionTask) -> Applications:
    """Read and check the task's table and assign the splits.

    Raises TaskError with everything that is wrong, a sentence a line.
    """
    frame, problems = read_table(task, task.table_path)
    if frame is None:
        raise TaskError("\n".join(problems))
    outcomes = frame.pop(task.outcome.column).rename("outcome")
    content = [name for name, column in task.columns.items() if column.role in ("feature", "human_only")]
    return Applications(task, frame, outcomes, assign_splits(frame[content]))


def assign_splits(content: pd.DataFrame) -> pd.Series:
    """The split of each row: 60 / 20 / 20 by a hash of its id, whatever other rows there are.

    `content` [N rows, indexed by id] is what makes rows alike: rows with equal content would leak from one
    split into another, so all go where the first of their ids goes. First is the shortest, then the
    smallest: ids that count upwards keep their order, so a twin added later follows and moves nothing.
    """
    ids = content.index.astype(str)
    deciding = ids.to_numpy(dtype=object)
    row_hashes = pd.util.hash_pandas_object(content, index=False)
    twins = np.flatnonzero(row_hashes.duplicated(keep=False).to_numpy())
    if len(twins):
        by_length = pd.DataFrame({"row": row_hashes.to_numpy()[twins], "id": deciding[twins]})
        by_length = by_length.assign(n=by_length["id"].str.len()).sort_values(["n", "id"], kind="stable")
        first = by_length.groupby("row", sort=False)["id"].transform("first")
        deciding[twins[first.index]] = first.to_numpy()
    # The first 8 bytes of SHA-256, as a fraction of their range: anybody can recompute it in any language.
    digests = b"".join([hashlib.sha256(text.encode()).digest()[:8] for text in deciding])
    fractions = np.frombuffer(digests, dtype=">u8") / 2.0**64
    codes = np.digitize(fractions, [TRAIN_BELOW, VALIDATION_BELOW])
    splits = pd.Categorical.from_codes(codes, categories=SPLITS)
    return pd.Series(splits, index=content.index, name="split")


def draw_pool(
    applications: Applications, split: Split, rng: np.random.Generator, max_size: int = 600
) -> list[str]:
    """Ids of a pool of one split, as many of either outcome, in random order.

    Its size is min(`max_size`, 2 × the rarer outcome in that split). Raises TaskError where the split lacks
    an outcome.
    """
    chosen = applications.select(split)
    by_outcome = [chosen.outcomes.index[chosen.outcomes == outcome] for outcome in (0, 1)]
    n_each = min(max_size // 2, *(len(ids) for ids in by_outcome))
    if n_each == 0:
        raise TaskError(
            f"the {split} split of {applications.task.name} lacks cases of one outcome; add rows to its table"
        )
    drawn = np.concatenate(
        [rng.choice(ids.to_numpy(dtype=object), n_each, replace=False) for ids in by_outcome]
    )
    return [str(application_id) for application_id in rng.permutation(drawn)]


def draw_balanced_trials(
    ids: Sequence[str], outcomes: pd.Series, n_trials: int, rng: np.random.Generator
) -> list[str]:
    """Ids of `n_trials` applications in random order, half of either outcome.

    `outcomes` maps ids to 0 or 1. Of an odd number, chance decides which outcome comes once more. An
    application is repeated only when all of its outcome were drawn. Raises TaskError where an outcome is
    absent from `ids`.
    """
    values = outcomes.loc[list(ids)].to_numpy()
    by_outcome = [np.asarray(ids, dtype=object)[values == outcome] for outcome in (0, 1)]
    if n_trials and not all(map(len, by_outcome)):
        raise TaskError("trials need applications of both outcomes to be drawn from; draw from a larger pool")
    n_of = [n_trials // 2, n_trials // 2]
    n_of[int(rng.integers(2))] += n_trials % 2
    drawn: list[str] = []
    for candidates, n_wanted in zip(by_outcome, n_of, strict=True):
        while n_wanted > 0:
            taken = rng.permutation(candidates)[:n_wanted]
            drawn += [str(application_id) for application_id in taken]
            n_wanted -= len(taken)
    return [str(application_id) for application_id in rng.permutation(np.array(drawn, dtype=object))]
