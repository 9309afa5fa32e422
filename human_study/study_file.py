"""The study file: everything that a researcher declares about a study before it starts.

Not responsible for the database or for bundles: `live_study.py` brings the three together.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    ValidationError,
    field_validator,
)

from advisor.bundle import CONDITIONS, Condition
from data.errors import StudyError
from data.records import ParticipantKind
from data.store import DEFAULT_DATABASE_URL
from human_study.recruitment import RecruitmentPlan


def _never_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("it is empty; write it, or leave the key out")
    return text


Text = Annotated[str, AfterValidator(_never_blank)]


class TrialPlan(BaseModel):
    """How many trials a participant decides on, and how many of them from the test pool."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    main: int = Field(default=40, ge=1, le=1000)
    test_share: float = Field(default=0.5, ge=0, le=1)


class Texts(BaseModel):
    """Markdown that replaces the shipped texts; a text that is left out keeps the shipped one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    welcome: Text | None = None
    consent: Text | None = None
    instructions: Text | None = None
    debrief: Text | None = None


class StudyFile(BaseModel):
    """A validated study file. Frozen: a study that has begun keeps its hash."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9_]{1,60}$")
    title: Text = "Deciding on applications"
    task: str = Field(description="a shipped task's name, or the path of a task.yaml")
    bundle: Path = Field(description="the advice bundle of the first round")
    database: str = DEFAULT_DATABASE_URL
    participants: ParticipantKind
    allow_simulated_advisor: bool = False
    conditions: dict[Condition, PositiveFloat] = Field(
        min_length=1, description="condition → its share, as weights"
    )
    trials: TrialPlan = TrialPlan()
    texts: Texts = Texts()
    time_limit_minutes: float = Field(default=60, gt=0, le=60 * 24 * 30)
    recruitment: RecruitmentPlan = RecruitmentPlan()

    @field_validator("name", mode="before")
    @classmethod
    def _name_is_plain(cls, name: Any) -> Any:
        if isinstance(name, str) and not (
            name.isascii() and name.replace("_", "a").isalnum() and name.islower()
        ):
            raise ValueError("use lower-case letters, digits and underscores only, for example pilot_1")
        return name

    @property
    def study_hash(self) -> str:
        """SHA-256 of the validated content; where the database stands is no part of the design."""
        content = json.dumps(self.model_dump(mode="json", exclude={"database"}), sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()


def load_study_file(path: str | Path) -> StudyFile:
    """Read and validate a study file.

    Relative paths in it are looked for beside the file first, then from the current folder.

    Raises StudyError, one sentence a problem, when it is gone, is no YAML, or has wrong keys or values.
    """
    path = Path(path)
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(
            f"There is no readable study file at {path}; correct the path, or begin with `human-study init`."
        ) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" (line {mark.line + 1})" if mark else ""
        raise StudyError(f"{path} is not valid YAML{line}; correct its indentation and quotes.") from error
    if not isinstance(content, dict):
        raise StudyError(f"{path} holds no study; it needs keys such as name, task, bundle and conditions.")
    try:
        study = StudyFile.model_validate(content)
    except ValidationError as error:
        sentences = [_sentence(path, problem) for problem in error.errors()]
        raise StudyError("\n".join(sentences)) from error
    return study.model_copy(
        update={"bundle": _found(study.bundle, path.parent), "task": _task_found(study.task, path.parent)}
    )


def _found(wanted: Path, folder: Path) -> Path:
    """Beside the study file if it is there, else as given (from the current folder)."""
    beside = folder / wanted
    return beside if beside.exists() else wanted


def _task_found(task: str, folder: Path) -> str:
    looks_like_path = task.endswith((".yaml", ".yml")) or "/" in task
    return str(_found(Path(task), folder)) if looks_like_path else task


_NESTED: dict[str, type[BaseModel]] = {"trials": TrialPlan, "texts": Texts, "recruitment": RecruitmentPlan}


def _sentence(path: Path, problem: Any) -> str:
    """One validation problem in words, with the nearest right key where a key is wrong."""
    location = [str(part) for part in problem["loc"] if part != "[key]"]
    where = ".".join(location)
    key = location[-1] if location else ""
    if problem["type"] == "extra_forbidden":
        model = _NESTED.get(location[0], StudyFile) if len(location) > 1 else StudyFile
        return f"{path}: there is no key {where}; {_nearest(key, list(model.model_fields))}."
    if problem["type"] == "missing":
        return f"{path}: the key {where} is missing; add it."
    if location[:1] == ["conditions"] and problem["type"] == "literal_error":
        return f"{path}: {key} is no condition; {_nearest(key, list(CONDITIONS))}."
    reason = str(problem["msg"]).removeprefix("Value error, ")
    return f"{path}: {where} is wrong: {reason[:1].lower()}{reason[1:].rstrip('.')}."


def _nearest(wrong: str, right: list[str]) -> str:
    close = difflib.get_close_matches(wrong, right, n=1)
    return f"did you mean {close[0]}?".rstrip("?") if close else f"the right ones are {', '.join(right)}"
