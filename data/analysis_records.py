"""Records kept beside the data: what analysts add to it, where copies of it went, and who was erased.

Declared as those of `data.records` are. None of them holds anything by which a person could be known.
"""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from data.records import ParticipantKey, ParticipantKind, StudyName
from data.stored_record import Meaning, Record, new_key, now

StudyEventKind = Literal["closed", "opened", "changed", "exported", "trained"]


class CodeBookEntry(Record):
    """One code of a study's code book: a kind of reason that participants give. Analysts edit it."""

    study_name: Annotated[str, Meaning("name of the study", primary_key=True, references="study.name")]
    code: Annotated[str, Meaning("the code's short name", primary_key=True)]
    definition: Annotated[str, Meaning("when the code applies, in words")] = ""
    keywords: Annotated[str, Meaning("words that suggest the code, separated by commas")] = ""
    place: Annotated[int, Meaning("place in the code book, from 0")] = 0


class ReasonCode(Record):
    """That a coder gave a code to the reason of a decision; code "" says that none applies."""

    trial_key: Annotated[str, Meaning("the trial", primary_key=True, references="trial.trial_key")]
    coder: Annotated[str, Meaning("who coded", primary_key=True)]
    code: Annotated[str, Meaning("code of the code book, or nothing where none applies", primary_key=True)]
    participant_key: ParticipantKey
    coded_at: Annotated[AwareDatetime, Meaning("when it was coded", "UTC")] = Field(default_factory=now)


class ExportFolder(Record):
    """A folder that holds a copy of a study's data, so that an erasure reaches it."""

    folder: Annotated[str, Meaning("absolute path of the folder", primary_key=True)]
    study_name: StudyName
    kind: Annotated[ParticipantKind, Meaning("whose decisions were exported")]
    exported_at: Annotated[AwareDatetime, Meaning("when it was last written", "UTC")] = Field(
        default_factory=now
    )


class TrainingRun(Record):
    """A run that learned from a study; the run's own folder lists its participants."""

    run_key: Annotated[str, Meaning("random key of the run", primary_key=True)] = Field(
        default_factory=new_key
    )
    study_name: StudyName
    participants: Annotated[ParticipantKind, Meaning("whose decisions it learned from")]
    run_path: Annotated[str, Meaning("folder of the run when it began")]
    started_at: Annotated[AwareDatetime, Meaning("when the run began", "UTC")] = Field(default_factory=now)
    response_sha256: Annotated[
        str | None, Meaning("SHA-256 of the response model's weights; a bundle made of them names it too")
    ] = None
    n_erased: Annotated[
        int,
        Field(ge=0),
        Meaning("how many of its participants were erased since; above 0 it is not published"),
    ] = 0


class Erasure(Record):
    """That somebody was erased, and the keyed hashes by which they would be recognised again."""

    erasure_key: Annotated[str, Meaning("random key of the erasure", primary_key=True)] = Field(
        default_factory=new_key
    )
    study_name: StudyName
    participant_hash: Annotated[str, Meaning("keyed hash of the participant's former random key")]
    identity_hash: Annotated[
        str | None, Meaning("keyed hash of the id on the recruitment platform, where there was one")
    ] = None
    key_check: Annotated[str, Meaning("tells whether a key is the one that these hashes were made with")]
    erased_at: Annotated[AwareDatetime, Meaning("when it was erased", "UTC")] = Field(default_factory=now)


class StudyEvent(Record):
    """Something that happened to a study as a whole. "exported" and "trained" are looks at an open study's data."""

    study_name: StudyName
    kind: Annotated[StudyEventKind, Meaning("what happened to the study")]
    detail: Annotated[str, Meaning("particulars", unit="JSON")] = "{}"
    n_began: Annotated[int, Field(ge=0), Meaning("how many had begun by then, of the kind it recruits")] = 0
    happened_at: Annotated[AwareDatetime, Meaning("when it happened", "UTC")] = Field(default_factory=now)
