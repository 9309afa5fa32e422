"""DecisionStore: everything that is ever recorded about studies, participants and their decisions."""

from data.store.erasure import Erasures
from data.store.frames import Frames
from data.store.participants import Participants
from data.store.reason_coding import ReasonCodes
from data.store.studies import Studies
from data.store.trials import Trials


class DecisionStore(Studies, Participants, Trials, Frames, ReasonCodes, Erasures):
    """All reading and writing of the database. Safe to share between threads; processes open their own.

    Every method is one transaction. Each raises StoreError where the database does not answer. It does not
    decide who sees what (`human_study.participation.assignment`) and computes no statistics (`decision_statistics`).
    """
