"""Every stored record, declared once: name, type, unit and meaning of each field.

The tables of the database (`data.store.sql_tables`) and the codebook (`data.codebook`) derive from these
declarations; what they share is in `data.stored_record`.
"""

import json
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, ValidationInfo, field_validator

from data.errors import StudyError
from data.stored_record import Meaning, Record, new_key, now

ParticipantKind = Literal["people", "simulated"]
ParticipantStatus = Literal["active", "completed", "returned", "timed_out", "screened_out"]
FINAL_STATUSES: tuple[ParticipantStatus, ...] = ("completed", "returned", "timed_out", "screened_out")
Choice = Literal["approve", "deny"]
TrialKind = Literal["main", "practice", "learning", "attention", "repeated"]
# Before the trials that count; after each, the participant is told what became of the application.
FEEDBACK_KINDS: tuple[TrialKind, ...] = ("practice", "learning")
# "initial" is the answer before the advice in a two-stage trial; the decision itself is always "final".
Stage = Literal["initial", "final"]
FACE_SURENESS = "face_sureness"  # the question how sure the face looked, beside those about columns

# A link may spell an id otherwise than its platform does, and means the same person: Prolific's ids are hexadecimal, in
# small letters, and Mechanical Turk's are capital letters and digits (^A[A-Z0-9]+$ in its API reference). Sona's codes
# are taken as they come, and plain links carry tokens of our own.
_SPELLED_BY = {"prolific": str.lower, "mturk": str.upper}


def spellings(external_id: str) -> set[str]:
    """An id on a platform that is not known, as every platform may spell it."""
    return {external_id, *(spelled(external_id) for spelled in _SPELLED_BY.values())}


def _content(study_file: str) -> dict[str, Any]:
    try:
        content = json.loads(study_file or "null")
    except ValueError:
        content = False
    if isinstance(content, dict | None):
        return content or {}
    raise StudyError("the study file that the database holds is damaged; restore the database from a copy")


StudyName = Annotated[str, Meaning("name of the study", references="study.name")]
BundleHash = Annotated[str, Meaning("hash of the advice bundle", references="bundle.bundle_hash")]
ParticipantKey = Annotated[
    str, Meaning("random key of the participant", references="participant.participant_key")
]
# Of records of which a participant has one at most.
SoleParticipantKey = Annotated[
    str, Meaning("random key of the participant", primary_key=True, references="participant.participant_key")
]


class Study(Record):
    """A study as its file states it; opened once, and never changed afterwards."""

    name: Annotated[str, Meaning("name of the study", primary_key=True)]
    task_name: Annotated[str, Meaning("name of the decision task")]
    task_hash: Annotated[str, Meaning("hash of the task file and its table")]
    study_file: Annotated[
        str, Meaning("the study file's checked content, without its database's URL", unit="JSON")
    ]
    study_hash: Annotated[str, Meaning("hash of the study file's checked content")]
    participants: Annotated[ParticipantKind, Meaning("whom the study recruits")]
    status: Annotated[Literal["open", "closed"], Meaning("whether new participants are taken")] = "open"
    created_at: Annotated[AwareDatetime, Meaning("when the study was created", "UTC")] = Field(
        default_factory=now
    )
    closed_at: Annotated[AwareDatetime | None, Meaning("when the study was closed", "UTC")] = None

    @field_validator("study_file")
    @classmethod
    def _without_its_database(cls, study_file: str) -> str:
        # The URL may hold a password. Versions before stored it, so that it is dropped on the way out, too.
        if '"database"' not in study_file:
            return study_file
        try:
            content = _content(study_file)
        except StudyError:
            return study_file
        return json.dumps({key: value for key, value in content.items() if key != "database"})

    @property
    def declared(self) -> dict[str, Any]:
        """What the study file says, as plain values, without sections that are empty.

        {} for a study without a file. Raises StudyError where the stored file is damaged.
        """
        return {key: value for key, value in _content(self.study_file).items() if value is not None}


class Bundle(Record):
    """A published advice bundle, as known to this database."""

    bundle_hash: Annotated[str, Meaning("hash of the bundle's content", primary_key=True)]
    bundle_path: Annotated[str, Meaning("folder of the bundle when it was registered")]
    task_hash: Annotated[str, Meaning("hash of the task that it advises on")]
    trained_on: Annotated[
        Literal["nothing", "people", "simulated"], Meaning("whose decisions its advisor was trained on")
    ]
    kind: Annotated[
        Literal["explore", "learned"], Meaning("expressions drawn at random, or given by a trained encoder")
    ]
    manifest: Annotated[str, Meaning("the bundle's manifest", unit="JSON")]
    registered_at: Annotated[AwareDatetime, Meaning("when it was registered", "UTC")] = Field(
        default_factory=now
    )

    @property
    def response_sha256(self) -> str | None:
        """SHA-256 of the weights of the response model that its advisor was trained through, if there was one."""
        sha256 = json.loads(self.manifest).get("weights", {}).get("response")
        return None if sha256 is None else str(sha256)


class StudyRound(Record):
    """One turn of a study: from when on it served which bundle."""

    study_name: Annotated[str, Meaning("name of the study", primary_key=True, references="study.name")]
    round_number: Annotated[int, Meaning("0 for the first round", primary_key=True)]
    bundle_hash: BundleHash
    allocation_seed: Annotated[
        int | None, Meaning("seed of the permuted blocks by which participants get their conditions")
    ] = None
    started_at: Annotated[AwareDatetime, Meaning("when the round started", "UTC")] = Field(
        default_factory=now
    )


class StudyCondition(Record):
    """How many participants a condition takes a round, and whether it takes any; may change while live."""

    study_name: Annotated[str, Meaning("name of the study", primary_key=True, references="study.name")]
    condition: Annotated[str, Meaning("what is shown beside the application", primary_key=True)]
    quota: Annotated[
        int | None,
        Field(ge=0),
        Meaning("most participants active in or through with it in one round; none where missing"),
    ] = None
    status: Annotated[Literal["open", "closed"], Meaning("whether new participants are put into it")] = "open"
    changed_at: Annotated[AwareDatetime, Meaning("when this was last changed", "UTC")] = Field(
        default_factory=now
    )


class Participant(Record):
    """One person, or one simulated person, in one study."""

    participant_key: Annotated[str, Meaning("random key of the participant", primary_key=True)] = Field(
        default_factory=new_key
    )
    study_name: StudyName
    round_number: Annotated[int, Meaning("the round that the participant takes part in")]
    bundle_hash: BundleHash
    kind: Annotated[ParticipantKind, Meaning("a person, or a simulated one")]
    condition: Annotated[str, Meaning("what is shown beside the application")]
    status: Annotated[
        ParticipantStatus, Meaning("how far the participation has come; all but active are final")
    ] = "active"
    step: Annotated[str, Meaning("the step of the study that the participant is at")] = ""
    slot: Annotated[
        int | None, Meaning("place in the counterbalanced plan of round and condition, from 0")
    ] = None
    session_token_hash: Annotated[
        str | None, Meaning("SHA-256 of the secret in the participant's cookie")
    ] = None
    lease_id: Annotated[str | None, Meaning("lease of the open page that acts for the participant")] = None
    created_at: Annotated[AwareDatetime, Meaning("when the participation began", "UTC")] = Field(
        default_factory=now
    )
    last_seen_at: Annotated[AwareDatetime, Meaning("when the participant was last heard of", "UTC")] = Field(
        default_factory=now
    )
    consented_at: Annotated[AwareDatetime | None, Meaning("when consent was given", "UTC")] = None
    completed_at: Annotated[AwareDatetime | None, Meaning("when the participation was completed", "UTC")] = (
        None
    )
    ended_at: Annotated[AwareDatetime | None, Meaning("when a final status was reached", "UTC")] = None
    completion_code: Annotated[str | None, Meaning("the code shown at completion")] = None


class EarlierSession(Record):
    """A cookie that a newer entry has replaced: it still names its participant, so that it can be told so."""

    session_token_hash: Annotated[str, Meaning("SHA-256 of the secret in that cookie", primary_key=True)]
    participant_key: ParticipantKey
    replaced_at: Annotated[AwareDatetime, Meaning("when a newer entry replaced it", "UTC")] = Field(
        default_factory=now
    )


class Recruitment(Record):
    """The one place of a participant's id elsewhere; read only for bonuses, duplicates and erasure."""

    participant_key: SoleParticipantKey = ""
    study_name: StudyName = ""
    platform: Annotated[str, Meaning("the platform that recruited the participant")]
    external_id: Annotated[str, Meaning("the participant's id on that platform")]
    session_id: Annotated[str | None, Meaning("the platform's id of this participation")] = None

    @field_validator("external_id")
    @classmethod
    def _as_its_platform_spells_it(cls, external_id: str, others: ValidationInfo) -> str:
        return _SPELLED_BY.get(others.data.get("platform", ""), str)(external_id)


class Trial(Record):
    """One application put before one participant. Written before it is shown, and never changed."""

    trial_key: Annotated[str, Meaning("random key of the trial", primary_key=True)] = Field(
        default_factory=new_key
    )
    participant_key: ParticipantKey = ""
    position: Annotated[int, Meaning("place in the participant's sequence, from 0")] = 0
    kind: Annotated[TrialKind, Meaning("what the trial is for")] = "main"
    application_id: Annotated[str, Meaning("the application decided on")]
    split: Annotated[
        Literal["train", "validation", "test"],
        Meaning(
            "only train is ever trained on; practice, learning and attention trials come from validation"
        ),
    ]
    condition: Annotated[str, Meaning("what is shown beside the application")]
    bundle_hash: BundleHash
    image: Annotated[str | None, Meaning("the face shown: its path within the bundle")] = None
    image_sha256: Annotated[str | None, Meaning("SHA-256 of the face's PNG file")] = None
    score: Annotated[float | None, Meaning("the score shown", "repayment probability, 0-1")] = None
    propensity: Annotated[float | None, Meaning("probability with which this face was drawn", "0-1")] = None
    n_stages: Annotated[
        int, Field(ge=1, le=2), Meaning("2: decided before the advice is shown, and again with it")
    ] = 1
    asks_reason: Annotated[bool, Meaning("whether the reason is asked for in words")] = False
    asked_choice: Annotated[
        Choice | None, Meaning("the choice that an attention trial asks the participant to make")
    ] = None
    perception_question: Annotated[
        str | None,
        Meaning("what is asked about the face after the decision: a column of the task, or face_sureness"),
    ] = None
    examples: Annotated[
        str | None,
        Meaning(
            "applications shown as past cases with their outcomes, the most alike face first", unit="JSON"
        ),
    ] = None


class _Choosing(Record):
    """What is known of every choice, before the advice and with it."""

    trial_key: Annotated[str, Meaning("the trial", primary_key=True, references="trial.trial_key")]
    participant_key: ParticipantKey
    choice: Annotated[Choice, Meaning("what was chosen")]
    confidence: Annotated[float | None, Field(ge=0, le=1), Meaning("stated confidence", "0-1")] = None
    response_time_ms: Annotated[
        float | None, Field(ge=0), Meaning("from the frame in which the trial was drawn to the choice", "ms")
    ] = None
    followup_time_ms: Annotated[
        float | None, Field(ge=0), Meaning("from the choice until confidence and reason were given", "ms")
    ] = None
    study_hash: Annotated[str, Meaning("hash of the study file at the time")]
    bundle_hash: BundleHash
    n_blur: Annotated[int, Field(ge=0), Meaning("how often the page lost the focus")] = 0
    n_focus: Annotated[int, Field(ge=0), Meaning("how often the page regained the focus")] = 0
    n_key: Annotated[int, Field(ge=0), Meaning("keys pressed during the trial; never which")] = 0
    n_paste: Annotated[int, Field(ge=0), Meaning("pastes during the trial")] = 0
    idempotency_key: Annotated[str, Meaning("the browser's token of this message")] = Field(
        default_factory=new_key
    )
    decided_at: Annotated[AwareDatetime, Meaning("when the server wrote it", "UTC")] = Field(
        default_factory=now
    )


class InitialDecision(_Choosing):
    """The choice before the advice was shown, in a two-stage trial. Append-only; the first one counts."""


class Decision(_Choosing):
    """A participant's decision on a trial, the advice seen. Append-only; the first one counts."""

    reason: Annotated[str | None, Meaning("the reason, in the participant's words")] = None
    perceived: Annotated[
        str | None,
        Meaning(
            "answer about the face: higher, usual, lower or unknown; of face_sureness 1 (not at all) to 5"
        ),
    ] = None
    perceived_time_ms: Annotated[
        float | None,
        Field(ge=0),
        Meaning("from when the question about the face was drawn to its answer", "ms"),
    ] = None
    n_examples_opened: Annotated[
        int | None,
        Field(ge=0),
        Meaning("how often past cases were opened; missing where there are none or all stood in view"),
    ] = None


class PairJudgement(Record):
    """On which of two pictures of one face an axis of the expression is stronger. The first answer counts."""

    participant_key: Annotated[
        str,
        Meaning("random key of the participant", primary_key=True, references="participant.participant_key"),
    ]
    position: Annotated[int, Field(ge=0), Meaning("place among the participant's pairs", primary_key=True)]
    bundle_hash: BundleHash
    axis: Annotated[str, Meaning("the axis that was asked about")]
    left_image: Annotated[str, Meaning("the picture on the left: its path within the bundle")]
    right_image: Annotated[str, Meaning("the picture on the right")]
    left_value: Annotated[float, Meaning("the axis on the left", "expression, 0 = neutral")]
    right_value: Annotated[float, Meaning("the axis on the right", "expression, 0 = neutral")]
    choice: Annotated[Literal["left", "right"], Meaning("where the participant saw more of it")]
    response_time_ms: Annotated[
        float, Field(ge=0), Meaning("from the frame in which the pair was drawn to the choice", "ms")
    ]
    judged_at: Annotated[AwareDatetime, Meaning("when the server wrote it", "UTC")] = Field(
        default_factory=now
    )


class Answer(Record):
    """An answer to a question outside the trials. A later answer to the same question supersedes it."""

    participant_key: ParticipantKey
    kind: Annotated[
        Literal["screening", "comprehension", "questionnaire"], Meaning("what the question is for")
    ] = "questionnaire"
    question: Annotated[str, Meaning("id of the question")]
    value: Annotated[str, Meaning("the answer as given")]
    is_correct: Annotated[bool | None, Meaning("whether a comprehension question was answered rightly")] = (
        None
    )
    answered_at: Annotated[AwareDatetime, Meaning("when the server wrote it", "UTC")] = Field(
        default_factory=now
    )


MOVED_LEASE = "moved_lease"  # the event that another open page acts for the participant from then on
MOVES = (MOVED_LEASE, "moved_place")  # and as versions before called it


class Event(Record):
    """Something that happened to a participation and is neither a decision nor an answer."""

    participant_key: ParticipantKey
    kind: Annotated[str, Meaning("what happened")]
    detail: Annotated[str, Meaning("particulars", unit="JSON")] = "{}"
    happened_at: Annotated[AwareDatetime, Meaning("when the server wrote it", "UTC")] = Field(
        default_factory=now
    )


class Bonus(Record):
    """What a participant was listed to be paid beyond the base, so that nobody is listed twice."""

    participant_key: SoleParticipantKey
    amount: Annotated[float, Field(ge=0), Meaning("the bonus", "currency of the study")]
    currency: Annotated[str, Meaning("currency, as three letters", "ISO 4217")]
    n_correct: Annotated[int, Field(ge=0), Meaning("correct decisions that the bonus is for")]
    listed_at: Annotated[AwareDatetime, Meaning("when it was listed for payment", "UTC")] = Field(
        default_factory=now
    )


STORED_RECORDS: tuple[type[Record], ...] = (
    Study,
    Bundle,
    StudyRound,
    StudyCondition,
    Participant,
    EarlierSession,
    Recruitment,
    Trial,
    InitialDecision,
    Decision,
    PairJudgement,
    Answer,
    Event,
    Bonus,
)
