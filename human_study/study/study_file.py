"""The study file: everything that a researcher declares about a study before it starts.

Not responsible for the database or for bundles: `running_study.py` brings the three together.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from advisor.bundles.bundle import CONDITIONS, Condition
from data.default_database import DEFAULT_DATABASE_URL
from data.errors import StudyError
from data.formats.yaml_text import NotUtf8Error, read_utf8, read_yaml, yaml_problem
from data.records import ParticipantKind
from data.said_wrong import instead_of, instead_of_key, wrong_value
from data.stored_record import storable_text
from human_study.study.amendments import design_of
from human_study.study.analysis_plan import AnalysisPlan
from human_study.study.file_checks import require_no_contradiction
from human_study.study.messages import Language, has_number_rules, shipped_languages
from human_study.study.questions import (
    ComprehensionQuestion,
    FacePairs,
    PerceptionQuestions,
    QuestionnaireQuestion,
    ScreeningQuestion,
)
from human_study.study.recruitment import RecruitmentPlan
from human_study.study.study_sections import (
    ConditionPlan,
    Ethics,
    Exclusions,
    Payment,
    Text,
    Texts,
    TimeLimits,
    TrialPlan,
)
from human_study.study.wording import (
    PATTERNS_IN_WORDS,
    no_truth_value,
    says_nothing,
)


class StudyFile(BaseModel):
    """A validated study file. Frozen: a study that has begun keeps its hash."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str = Field(
        pattern=r"^[a-z0-9_]{1,60}$", description="names the study in the database and on the command line"
    )
    title: Text = Field(default="Deciding on applications", description="what participants read as its name")
    language: str = Field(
        default="en",
        pattern=r"^[a-z]{2,3}$",
        description="of everything that participants read: en, de, or the code of the language of language_folder",
    )
    language_folder: Path | None = Field(
        default=None,
        description="the texts of a language that is not shipped, from `human-study init --language`",
    )
    task: str = Field(description="a shipped task's name, or the path of a task.yaml")
    bundle: Path = Field(description="the advice bundle of the first round")
    database: str = Field(default=DEFAULT_DATABASE_URL, description="SQLAlchemy URL of the decisions")
    participants: ParticipantKind = Field(description="who takes part; the two are never mixed")
    allow_simulated_advisor: bool = Field(
        default=False,
        description="people may see advice learned from simulated ones; the consent text says so",
    )
    conditions: dict[Condition, ConditionPlan] = Field(
        min_length=1, description="condition → its share, as a weight, or its share and quota"
    )
    trials: TrialPlan = Field(
        default=TrialPlan(), description="how many trials of each kind, and how they run"
    )
    expected_minutes: float | None = Field(
        default=None, gt=0, le=600, description="how long taking part takes, as welcome and consent say it"
    )
    payment: Payment = Field(default=Payment(), description="what participants are paid")
    recruitment: RecruitmentPlan = Field(
        default=RecruitmentPlan(), description="where participants come from"
    )
    not_from: tuple[str, ...] = Field(
        default=(),
        description="studies in the same database, such as a pilot, whose participants are not taken",
    )
    time_limits: TimeLimits = Field(default=TimeLimits(), description="when a place becomes free again")
    exclusions: Exclusions = Field(default=Exclusions(), description="whose decisions the results leave out")
    analysis: AnalysisPlan | None = Field(
        default=None, description="how the study will be analysed; left out: the defaults, and reports say so"
    )
    screening: tuple[ScreeningQuestion, ...] = Field(default=(), description="who can take part at all")
    comprehension: tuple[ComprehensionQuestion, ...] | None = Field(
        default=None,
        description="after the instructions; left out: the shipped questions for the participant's condition",
    )
    questionnaire: tuple[QuestionnaireQuestion, ...] | None = Field(
        default=None, description="after the trials; left out: the shipped questions"
    )
    perception_questions: PerceptionQuestions | None = Field(
        default=None, description="after some decisions: what the face told"
    )
    pairs: FacePairs | None = Field(
        default=None, description="after the main trials: on which of two faces is it stronger"
    )
    texts: Texts = Field(default=Texts(), description="your own words in place of the shipped texts")
    ethics: Ethics = Field(
        default=Ethics(), description="what people have a right to know; shown with the consent text"
    )

    @field_validator("title", "task", "language", "database", "expected_minutes", mode="before")
    @classmethod
    def _is_no_truth_value(cls, value: object, info: ValidationInfo) -> object:
        return no_truth_value(value, cls.model_fields[str(info.field_name)].annotation)

    @field_validator("conditions", mode="before")
    @classmethod
    def _share_alone(cls, conditions: Any) -> Any:
        if not isinstance(conditions, dict):
            return conditions
        return {
            condition: {"share": plan} if isinstance(plan, str | int | float) else plan
            for condition, plan in conditions.items()
        }

    @field_validator(
        "trials", "payment", "recruitment", "time_limits", "exclusions", "texts", "ethics", mode="before"
    )
    @classmethod
    def _empty_section(cls, section: Any) -> Any:
        # A section whose keys are all commented out.
        return {} if section is None else section

    @field_validator("name", mode="before")
    @classmethod
    def _name_is_plain(cls, name: Any) -> Any:
        if isinstance(name, str) and not (
            name.isascii() and name.replace("_", "a").isalnum() and name.islower()
        ):
            raise ValueError("use lower-case letters, digits and underscores only, for example pilot_1")
        return name

    @model_validator(mode="after")
    def _language_has_texts(self) -> StudyFile:
        if self.language_folder is None and self.language not in shipped_languages():
            raise ValueError(
                f"language is {self.language}, which is not shipped ({', '.join(shipped_languages())} are);"
                f" `human-study init --language {self.language}` writes a folder of texts to translate, which"
                " language_folder then names"
            )
        if not has_number_rules(self.language):
            raise ValueError(
                f"language is {self.language}, which is no language's ISO 639 code; write it as in fr"
            )
        return self

    @field_validator("title")
    @classmethod
    def _title_says_something(cls, title: str) -> str:
        if says_nothing(title):
            raise ValueError(f'"{title}" says nothing yet; write it, or leave the key out')
        return title

    @model_validator(mode="after")
    def _contradicts_nothing(self) -> StudyFile:
        require_no_contradiction(self)
        return self

    @property
    def spoken(self) -> Language:
        """The language with where its texts are."""
        return Language(self.language, self.language_folder)

    @property
    def shares(self) -> dict[Condition, float]:
        """Condition → its share of the participants, as a positive weight."""
        return {condition: plan.share for condition, plan in self.conditions.items()}

    @property
    def quotas(self) -> dict[str, int | None]:
        """Condition → the most participants that one round takes into it; None for as many as come."""
        return {condition: plan.quota for condition, plan in self.conditions.items()}

    @property
    def study_hash(self) -> str:
        """SHA-256 of the design: the validated content without what may change while the study runs."""
        content = json.dumps(design_of(self.model_dump(mode="json")), sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()


def load_study_file(path: str | Path) -> StudyFile:
    """Read and validate a study file.

    Relative paths in it are looked for beside the file first, then from the current folder.

    Raises StudyError, one sentence a problem, when it is gone, is no YAML, or has wrong keys or values.
    """
    path = Path(path)
    try:
        content = read_yaml(read_utf8(path))
    except NotUtf8Error as error:
        raise StudyError(f"{path} {error}.") from error
    except OSError as error:
        raise StudyError(
            f"There is no readable study file at {path}; correct the path, or begin with `human-study init`."
        ) from error
    except yaml.YAMLError as error:
        raise StudyError(f"{path}: {yaml_problem(error)}.") from error
    if odd := next((text for text in _texts(content) if storable_text(text) != text), None):
        raise StudyError(
            f"{path}: {odd!a} holds a character that is no text (NUL, or half of a pair); take it out."
        )
    if not isinstance(content, dict):
        raise StudyError(f"{path} holds no study; it needs keys such as name, task, bundle and conditions.")
    try:
        study = StudyFile.model_validate(content)
    except ValidationError as error:
        sentences = [_sentence(path, problem) for problem in error.errors()]
        raise StudyError("\n".join(sentences)) from error
    found = study.model_copy(
        update={
            "bundle": _found(study.bundle, path.parent),
            "task": _task_found(study.task, path.parent),
            "language_folder": study.language_folder and _found(study.language_folder, path.parent),
        }
    )
    found.spoken.texts  # noqa: B018  a folder that lacks a text is said before anybody reads it
    return found


def _texts(content: object) -> Iterator[str]:
    """Every text in what a YAML file holds, keys included."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, dict):
        for key, value in content.items():
            yield from _texts(key)
            yield from _texts(value)
    elif isinstance(content, list):
        for value in content:
            yield from _texts(value)


def require_ethics(study: StudyFile) -> None:
    """Raise StudyError where people would be recruited without being told what they have a right to know."""
    missing = study.ethics.missing()
    if study.participants == "people" and missing:
        raise StudyError(
            f"The study {study.name} recruits people, so its file must say {', '.join(missing)}; write them, or"
            " set participants: simulated to try it out."
        )


def _found(wanted: Path, folder: Path) -> Path:
    """Beside the study file if it is there, else as given (from the current folder)."""
    beside = folder / wanted
    return beside if beside.exists() else wanted


def _task_found(task: str, folder: Path) -> str:
    looks_like_path = task.endswith((".yaml", ".yml")) or "/" in task
    return str(_found(Path(task), folder)) if looks_like_path else task


def _sentence(path: Path, problem: Any) -> str:
    """One validation problem in words, with the nearest right key where a key is wrong."""
    location = [str(part) for part in problem["loc"] if part != "[key]"]
    where = ".".join(location)
    key = location[-1] if location else ""
    if problem["type"] == "extra_forbidden":
        return f"{path}: there is no key {where}; {instead_of_key(StudyFile, location)}."
    if problem["type"] == "missing":
        return f"{path}: the key {where} is missing; add it."
    if location[:1] == ["conditions"] and problem["type"] == "literal_error":
        return f"{path}: {key} is no condition; {instead_of(key, CONDITIONS)}."
    if problem["type"] == "string_pattern_mismatch":
        pattern = str(problem["ctx"]["pattern"])
        return f"{path}: {where} is wrong: {PATTERNS_IN_WORDS.get(pattern, 'it has a wrong form')}."
    if problem["type"] == "invalid_key":
        return f"{path}: there is no key {where}; {instead_of_key(StudyFile, location)}."
    money = location[:1] == ["payment"] and problem["type"] == "float_parsing"
    currency = "; the currency stands in payment.currency" if money else ""
    return f"{path}: {where or 'it'} is wrong: {wrong_value(problem)}{currency}."
