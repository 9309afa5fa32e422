"""A study as it runs: its file, its store and its bundles, and the services that screens and routes ask.

Not responsible for HTML, Streamlit or SQL. Safe to share between threads.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from functools import cached_property
from typing import Any, Self

from pydantic import ValidationError

from advisor.bundles.bundle import load_bundle
from data.errors import StudyError
from data.formats.value_format import duration_text
from data.records import Study
from data.store.decision_store import DecisionStore
from data.tasks.decision_task import DecisionTask, load_task
from human_study.participation.decision_intake import DecisionIntake
from human_study.participation.participations import Participations
from human_study.participation.served_bundles import ServedBundles
from human_study.participation.trial_delivery import PairDelivery, TrialDelivery
from human_study.study.amendments import differing_keys, is_amendable
from human_study.study.analysis_plan import declared_analysis
from human_study.study.messages import Messages
from human_study.study.study_file import StudyFile, load_study_file, require_ethics
from human_study.web.request_guard import SessionCookie


class RunningStudy:
    """One study being run.

    Attributes:
        study: the study file.
        store: its database.
        task: the decision task, in the study's language.
        messages: what participants read.
        bundles: what the rounds serve.
        participations: who takes part, and every step of that.
        trials: what each participant is shown.
        pairs: the pairs of faces that each compares after the trials.
        decisions: takes what they decide.
    """

    def __init__(self, study: StudyFile, store: DecisionStore) -> None:
        """Raises TaskError where the study's task is gone or wrong."""
        self.study = study
        self.store = store
        self.task = load_task(study.task)
        self.task = self.task.in_language(study.language, study.spoken.task_words(self.task.name))
        self.messages = study_messages(study, self.task)
        self.bundles = ServedBundles(study, store, self.task)
        self.participations = Participations(study, store, self.bundles)
        self.trials = TrialDelivery(study, store, self.task, self.bundles, self.participations, self.messages)
        self.pairs = PairDelivery(store, self.bundles, self.participations)
        self.decisions = DecisionIntake(study, store)

    @cached_property
    def cookie(self) -> SessionCookie:
        """The participants' cookie, once the study is entered; raises StudyError before."""
        begun = self.store.study(self.study.name).created_at.isoformat()
        return SessionCookie(self.study.name, hashlib.sha256(begun.encode()).hexdigest()[:8])

    @classmethod
    def open(cls, study_path: str, database_url: str | None = None) -> Self:
        """Open a study file and its database (`database_url` overrides the file's).

        Raises StudyError, TaskError or StoreError where one of them is gone or wrong.
        """
        study = load_study_file(study_path)
        return cls(study, DecisionStore.open(database_url or study.database))

    def prepare(self) -> None:
        """Enter the study into the store, and start its first round if it has none.

        Raises StudyError or BundleError: people are to be recruited and the study file does not say what they
        have a right to know, another study has this name, the bundle is gone, altered, of another
        task, lacks a condition, or was trained on simulated people where the study does not allow it.
        """
        require_ethics(self.study)
        for name in self.study.not_from:
            self.store.study(name)  # a name that is mistyped would keep nobody out
        spoken = self.study.spoken
        if not (spoken.task_words(self.task.name) or load_task(self.study.task).speaks(spoken.code)):
            path = spoken.folder / f"{self.task.name}.yaml" if spoken.folder else f"task.{spoken.code}.yaml"
            raise StudyError(
                f"Participants would read the task {self.task.name} in another language than {spoken.code}; write its"
                f" words into {path}{'' if spoken.folder else ' beside its task.yaml'}, or change the language."
            )
        record = Study(
            name=self.study.name,
            task_name=self.task.name,
            task_hash=self.task.task_hash,
            study_file=self.study.model_dump_json(),
            study_hash=self.study.study_hash,
            participants=self.study.participants,
        )
        bundle = load_bundle(self.study.bundle)
        self.bundles.require_suitable(bundle)
        _enter_study(self.store, self.study, self.task, record)
        if not self.store.rounds(self.study.name):
            self.store.register_bundle(bundle.as_record())
            self.store.start_round(self.study.name, bundle.bundle_hash)
        self.bundles.served(self.store.newest_round(self.study.name).bundle_hash)


def study_messages(study: StudyFile, task: DecisionTask) -> Messages:
    """What participants of a study read; `task` is in its language."""
    words = {
        "n_pairs": study.pairs.number if study.pairs else 0,
        "noun": task.case_noun,
        "nouns": task.nouns,
        "approve": task.choices.approve,
        "deny": task.choices.deny,
        "positive": task.outcome.positive_label,
        "negative": task.outcome.negative_label,
        "n_trials": study.trials.main + study.trials.attention + study.trials.repeated,
        "n_practice": study.trials.practice,
        "n_learning": study.trials.learning,
        "n_paid": study.trials.main,
        "idle_time": duration_text(study.time_limits.idle / timedelta(minutes=1), "minute", study.language),
    }
    return Messages(study.spoken, words)


def _enter_study(store: DecisionStore, study: StudyFile, task: DecisionTask, record: Study) -> None:
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
