"""A study as it runs: its file, its store and its bundles, and the services that screens and routes ask.

Not responsible for HTML, Streamlit or SQL. Safe to share between threads.
"""

from __future__ import annotations

from typing import Self

from advisor.bundles.bundle import load_bundle
from data.errors import StudyError
from data.records import Study
from data.store.decision_store import DecisionStore
from data.tasks.decision_task import load_task
from human_study.participation.decision_intake import DecisionIntake
from human_study.participation.enter_study import enter_study
from human_study.participation.participations import Participations
from human_study.participation.served_bundles import ServedBundles
from human_study.participation.trial_delivery import TrialDelivery
from human_study.study.messages import Messages, study_words
from human_study.study.study_file import StudyFile, load_study_file, require_ethics


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
        decisions: takes what they decide.
    """

    def __init__(self, study: StudyFile, store: DecisionStore) -> None:
        """Raises TaskError where the study's task is gone or wrong."""
        self.study = study
        self.store = store
        self.task = load_task(study.task).in_language(study.language)
        self.messages = Messages(study.language, study_words(study, self.task))
        self.bundles = ServedBundles(study, store, self.task)
        self.participations = Participations(study, store, self.bundles)
        self.trials = TrialDelivery(study, store, self.task, self.bundles, self.participations)
        self.decisions = DecisionIntake(study, store)

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
        if not load_task(self.study.task).speaks(self.study.language):
            raise StudyError(
                f"participants would read the task {self.task.name} in another language than {self.study.language}; "
                f"write its words into task.{self.study.language}.yaml beside its task.yaml, or change the language"
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
        enter_study(self.store, self.study, self.task, record)
        if not self.store.rounds(self.study.name):
            self.store.register_bundle(bundle.as_record())
            self.store.start_round(self.study.name, bundle.bundle_hash)
        self.bundles.served(self.store.newest_round(self.study.name).bundle_hash)
