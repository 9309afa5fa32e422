"""A study while it runs, as tables: who is where, what is left of the quotas, speed, attention checks, pauses.

Not responsible for how they look (analysts/views/live.py), nor for what counts in the analysis (study_results.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from advisor.bundles.bundle import in_order
from advisor.measurement.counted_decisions import statuses_apart
from data.records import FEEDBACK_KINDS, MOVES, ParticipantKind, StudyCondition
from data.store.decision_store import DecisionStore
from human_study.analysis.study_results import STATUSES

PAUSE = timedelta(minutes=1)  # longer than this without a decision is called a pause
RECENT = timedelta(minutes=10)
_KEY_LETTERS = 6
FIRST_STEP = "not begun"


@dataclass(frozen=True)
class LiveSummary:
    """One study and one kind of participant at a moment.

    `conditions`: of the newest round, one row each: condition, state (open or closed; closed in a closed study),
    quota (may be missing), left (places; missing without a quota), and the number of participants in each
    status. `steps`: step, n_participants, of those under way. `under_way`: one row each: participant (the first
    letters of the random key), condition, step, n_decisions, n_trials, seen_minutes_ago, median_response_time_ms,
    attention_passed, attention_given, n_pauses, longest_pause_minutes, n_left_page, n_moves (to another tab
    or device). `decisions_per_minute` is that of the last ten minutes; `attention_share` is of all checks
    given, missing where there was none.
    """

    moment: datetime
    is_open: bool
    round_number: int | None
    conditions: pd.DataFrame
    steps: pd.DataFrame
    under_way: pd.DataFrame
    decisions_per_minute: float
    median_response_time_ms: float | None
    attention_share: float | None


def summarise(store: DecisionStore, study_name: str, kind: ParticipantKind, moment: datetime) -> LiveSummary:
    """Read the study as it is at `moment` (UTC). Raises StudyError if it is unknown."""
    rounds = store.rounds(study_name)
    newest = rounds[-1].round_number if rounds else None
    participants = store.participants_frame(study_name, kind=kind)
    decisions = store.decisions_frame(study_name, kind=kind)
    events = store.events_frame(study_name, kind=kind)
    recent = decisions[decisions["decided_at"] > pd.Timestamp(moment - RECENT)]
    checks = decisions[decisions["trial_kind"] == "attention"]
    active = participants[participants["status"] == "active"]
    is_open = store.study(study_name).status == "open"
    return LiveSummary(
        moment=moment,
        is_open=is_open,
        round_number=newest,
        conditions=_conditions(store.conditions(study_name), participants, newest, is_open),
        steps=_steps(active),
        under_way=_under_way(active, decisions, events, moment),
        decisions_per_minute=len(recent) / (RECENT.total_seconds() / 60),
        median_response_time_ms=_median(decisions[~decisions["trial_kind"].isin(FEEDBACK_KINDS)]),
        attention_share=float(_passed(checks).mean()) if len(checks) else None,
    )


def _conditions(
    declared: list[StudyCondition], participants: pd.DataFrame, newest: int | None, is_open: bool
) -> pd.DataFrame:
    of_round = participants[participants["round_number"] == newest]
    counts = pd.crosstab(of_round["condition"], statuses_apart(of_round)).reindex(
        columns=list(STATUSES), fill_value=0
    )
    known = {condition.condition: condition for condition in declared}
    of_each = counts.to_dict("index")
    rows = []
    for name in in_order([*known, *counts.index]):
        row = of_each.get(name, dict.fromkeys(STATUSES, 0))
        quota = known[name].quota if name in known else None
        state = known[name].status if name in known else "open"
        taken = int(row["completed"] + row["active"])
        rows.append(
            {
                "condition": name,
                "state": state if is_open else "closed",
                "quota": quota,
                "left": None if quota is None else max(0, quota - taken),
                **{status: int(row[status]) for status in STATUSES},
            }
        )
    return pd.DataFrame(rows, columns=["condition", "state", "quota", "left", *STATUSES])


def _steps(active: pd.DataFrame) -> pd.DataFrame:
    steps = active["step"].replace("", FIRST_STEP)
    return steps.value_counts().rename_axis("step").reset_index(name="n_participants")


def _under_way(
    active: pd.DataFrame, decisions: pd.DataFrame, events: pd.DataFrame, moment: datetime
) -> pd.DataFrame:
    by_person = dict(tuple(decisions.groupby("participant_key")))
    moves = events.loc[events["kind"].isin(MOVES), "participant_key"].value_counts()
    nothing = decisions.iloc[:0]
    rows = []
    for person in active.sort_values("last_seen_at", ascending=False).to_dict("records"):
        key = person["participant_key"]
        own = by_person.get(key, nothing)
        checks = own[own["trial_kind"] == "attention"]
        gaps = own["decided_at"].sort_values().diff().dropna()
        pauses = gaps[gaps > PAUSE]
        rows.append(
            {
                "participant": key[:_KEY_LETTERS],
                "condition": person["condition"],
                "step": person["step"] or FIRST_STEP,
                "n_decisions": int(person["n_decisions"]),
                "n_trials": int(person["n_trials"]),
                "seen_minutes_ago": _minutes(moment - person["last_seen_at"]),
                "median_response_time_ms": _median(own),
                "attention_passed": int(_passed(checks).sum()),
                "attention_given": len(checks),
                "n_pauses": len(pauses),
                "longest_pause_minutes": _minutes(pauses.max()) if len(pauses) else 0.0,
                "n_left_page": int(own["n_blur"].sum()),
                "n_moves": int(moves.get(key, 0)),
            }
        )
    return pd.DataFrame(rows, columns=_UNDER_WAY_COLUMNS)


_UNDER_WAY_COLUMNS = [
    "participant", "condition", "step", "n_decisions", "n_trials", "seen_minutes_ago", "median_response_time_ms",
    "attention_passed", "attention_given", "n_pauses", "longest_pause_minutes", "n_left_page", "n_moves",
]  # fmt: skip


def _passed(checks: pd.DataFrame) -> pd.Series:
    return checks["choice"] == checks["asked_choice"]


def _median(decisions: pd.DataFrame) -> float | None:
    times = decisions["response_time_ms"].dropna()
    return float(times.median()) if len(times) else None


def _minutes(duration: timedelta) -> float:
    return duration.total_seconds() / 60
