"""Participants whose time is over, timed out wherever the state of a study is read and not only when others begin."""

from __future__ import annotations

from data.store.decision_store import DecisionStore
from human_study.study.study_sections import TimeLimits


def release_overdue(store: DecisionStore, study_name: str) -> int:
    """Time out who has paused, or taken part, for longer than the study allows; returns how many.

    Raises StudyError where the study is unknown.
    """
    limits = TimeLimits.model_validate(store.study(study_name).declared.get("time_limits", {}))
    return store.release_timed_out(study_name, limits.idle, limits.total)
