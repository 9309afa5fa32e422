"""Entering a study into the store: a new one as it is, one that runs with what may change of it."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from data.errors import StudyError
from data.records import Study
from data.store.decision_store import DecisionStore
from data.tasks.decision_task import DecisionTask
from human_study.study.amendments import differing_keys, is_amendable
from human_study.study.analysis_plan import declared_analysis
from human_study.study.study_file import StudyFile


def enter_study(store: DecisionStore, study: StudyFile, task: DecisionTask, record: Study) -> None:
    """Write `record`, the study as the store keeps it; where it runs already, what may change is taken over and logged.

    Raises StudyError, naming the keys, where anything else differs.
    """
    stored = next((one for one in store.studies() if one.name == record.name), None)
    if stored is None:
        store.create_study(record, study.quotas)
        return
    changed = differing_keys(_declared(stored), _declared(record))
    fixed = [key for key in changed if not is_amendable(key)]
    if stored.task_hash != record.task_hash and not task.has_hash(stored.task_hash):
        fixed.append("task (its file or table holds something else)")
    if fixed:
        raise StudyError(
            f'study "{record.name}" exists already, and its file differs in {", ".join(fixed)}; put that back, or give'
            " the changed study a new name. What may change while it runs: ethics.contact, quotas, expected_minutes,"
            " analysis (reports name such a change), codes and addresses of recruitment."
        )
    if stored.task_hash != record.task_hash:  # stored by version 0.1.0
        store.set_task_hash(record.name, record.task_hash)
    if changed:
        detail = {"keys": changed, "analysis_before": declared_analysis(stored.declared).sentences()}
        store.amend_study(record, study.quotas, detail)
        print(f"Changed in the running study {record.name}: {', '.join(changed)}.", flush=True)


def _declared(study: Study) -> dict[str, Any]:
    """What a stored study file says, with the defaults of keys that are younger than it."""
    try:
        return StudyFile.model_validate(study.declared).model_dump(mode="json")
    except ValidationError:  # it holds what is refused by now
        return study.declared
