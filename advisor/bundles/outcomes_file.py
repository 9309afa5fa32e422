"""outcomes.csv beside a bundle: what became of its applications, apart from all that is exported or served."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from data.errors import BundleError
from data.formats.files import replaced_whole

OUTCOMES_FILE = "outcomes.csv"


def read_outcomes(path: Path) -> pd.Series:
    """Read `application_id,outcome` into an int8 series indexed by id; BundleError when it is gone or foreign."""
    try:
        table = pd.read_csv(path, dtype={"application_id": str})
        return table.set_index("application_id")["outcome"].astype("int8")
    except OSError as error:
        raise BundleError(f"{path} is gone; it stands beside its bundle, so copy both together.") from error
    except (ValueError, KeyError) as error:
        raise BundleError(
            f"{path} is no table of application_id,outcome; publish the bundle again."
        ) from error


def merge_outcomes(path: Path, outcomes: pd.Series) -> None:
    """Add to an outcomes.csv that other bundles of this folder share; the same id never changes its outcome."""
    if path.exists():
        known = read_outcomes(path)
        both = known.index.intersection(outcomes.index)
        if not known.loc[both].eq(outcomes.loc[both]).all():
            raise BundleError(
                f"{path} records different outcomes for some applications; publish into another folder."
            )
        outcomes = pd.concat([known, outcomes.drop(both)])
    table = outcomes.sort_index().rename_axis("application_id").rename("outcome").reset_index()
    with replaced_whole(path) as partial:
        table.to_csv(partial, index=False)
