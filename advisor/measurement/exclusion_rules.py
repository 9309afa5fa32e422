"""Who is left out of the analysis, and why: by status, and by what the study file declared before there were data.

The first reason that holds is the one that is counted. Nobody is left out for anything that was not declared.
"""

from typing import Any

import numpy as np
import pandas as pd

WITHDREW, SCREENED_OUT = "withdrew", "screened out"
FAILED_ATTENTION, TOO_FAST, ONE_CHOICE = "failed attention checks", "too fast", "one choice only"
REASONS = (WITHDREW, SCREENED_OUT, FAILED_ATTENTION, TOO_FAST, ONE_CHOICE)
_BY_STATUS = {"returned": WITHDREW, "screened_out": SCREENED_OUT}


def excluded_participants(
    declared: dict[str, Any], participants: pd.DataFrame, decisions: pd.DataFrame
) -> pd.Series:
    """Participant key → why they are excluded (one of REASONS), of those who are.

    Args:
        declared: the section `exclusions` of the study file; empty where it has none.
        participants: participant_key and status, everybody of the study.
        decisions: participant_key, trial_kind, approved, response_time_ms, asked_choice, all of them.

    Who is still under way is not excluded for one choice only: the next one may be another.
    """
    status = participants.set_index("participant_key")["status"]
    because = status.map(_BY_STATUS).astype(object)
    main = decisions[decisions["trial_kind"] == "main"].groupby("participant_key")
    found: list[tuple[str, pd.Series]] = []
    if declared.get("failed_attention"):
        found.append((FAILED_ATTENTION, failed_checks(decisions) >= declared["failed_attention"]))
    if declared.get("median_response_time_ms"):
        found.append((TOO_FAST, main["response_time_ms"].median() < declared["median_response_time_ms"]))
    if declared.get("one_choice_only"):
        ended = status.index[status != "active"]
        same = (main["approved"].nunique() == 1) & (main.size() > 1)
        found.append((ONE_CHOICE, same[same.index.isin(ended)]))
    for reason, holds in found:
        hit = because.index.isin(holds.index[holds])
        because = because.where(~(hit & because.isna().to_numpy()), reason)
    return because.dropna()


def failed_checks(decisions: pd.DataFrame) -> pd.Series:
    """How many attention checks each participant who was shown any failed."""
    checks = decisions[(decisions["trial_kind"] == "attention") & decisions["asked_choice"].notna()]
    failed = np.asarray((checks["asked_choice"] == "approve") != checks["approved"].astype(bool), dtype=int)
    return pd.Series(failed, index=checks.index).groupby(checks["participant_key"]).sum()
