"""Preregistration: what was planned, in the fields of the OSF's form, with hashes of study file and analysis code.

`preregister` writes two files: Markdown to paste into the form, and beside it JSON with the hashes. A later report
reads the JSON and says whether study file and analysis code are still those that were registered.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import advisor
import human_study
from data.errors import StudyError
from human_study.analysis.contrasts import ESTIMATOR_IN_WORDS
from human_study.presentation.labels import condition_label, with_condition
from human_study.presentation.numbers import how_many
from human_study.study.analysis_plan import declared_analysis

ANALYSIS_PACKAGES = ("numpy", "scipy", "pandas")
# What turns decisions into figures. How figures are worded and drawn may change without changing the analysis.
ANALYSIS_ROOMS = ("advisor/measurement", "human_study/analysis", "human_study/findings")


@dataclass(frozen=True)
class Registered:
    """What a preregistration recorded: when, hashes of study file and analysis code, the declared analysis in words.

    Records that are older than declarations hold none.
    """

    study_name: str
    registered_at: str
    study_hash: str
    analysis: dict[str, str]
    packages: dict[str, str]
    n_decisions: int
    declared: tuple[str, ...] = ()


def analysis_hashes() -> dict[str, str]:
    """File → SHA-256 of every file of the analysis code."""
    roots = {"advisor": Path(str(advisor.__path__[0])), "human_study": Path(str(human_study.__path__[0]))}
    hashes = {}
    for room in ANALYSIS_ROOMS:
        package, _, folder = room.partition("/")
        for file in sorted((roots[package] / folder).glob("*.py")):
            hashes[f"{room}/{file.name}"] = hashlib.sha256(file.read_bytes()).hexdigest()
    return hashes


def analysis_hash() -> str:
    """One SHA-256 over all files of the analysis code."""
    return hashlib.sha256(json.dumps(analysis_hashes(), sort_keys=True).encode()).hexdigest()


def record_path(markdown: Path) -> Path:
    """Where the hashes of a preregistration stand: beside its Markdown."""
    return markdown.with_suffix(".json")


def preregister(content: dict[str, Any], study_hash: str, n_decisions: int, out: Path) -> Path:
    """Write the OSF's fields to `out` (Markdown) and the hashes beside it; returns `out`.

    Args:
        content: the study file's checked content, as plain values.
        study_hash: its hash.
        n_decisions: how many decisions the study holds already.
        out: a .md file; refused where a preregistration stands there, since those never change.
    """
    record = record_path(out)
    if out.suffix != ".md":
        raise StudyError(
            f"A preregistration is Markdown; give --out a name that ends in .md, not {out.name}."
        )
    for path in (out, record):
        if path.exists():
            raise StudyError(f"{path} exists, and a preregistration never changes; choose another --out.")
    registered_at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    hashes = {
        "study_name": content["name"],
        "registered_at": registered_at,
        "study_hash": study_hash,
        "analysis": analysis_hashes(),
        "packages": {package: version(package) for package in ANALYSIS_PACKAGES},
        "n_decisions": n_decisions,
        "declared": declared_analysis(content).sentences(),
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"# Preregistration of {content['name']}", "", f"Written {registered_at}.", ""]
    for field, text in osf_fields(content, study_hash, n_decisions).items():
        lines += [f"## {field}", "", text, ""]
    out.write_text("\n".join(lines), encoding="utf-8")
    record.write_text(json.dumps(hashes, indent=2) + "\n", encoding="utf-8")
    return out


def read_registered(path: Path) -> Registered:
    """Read the hashes of a preregistration. StudyError where they are gone or no such thing."""
    try:
        return Registered(**json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise StudyError(f"There is no preregistration at {path}; correct --preregistration.") from error
    except (ValueError, TypeError) as error:
        raise StudyError(
            f"{path} is no record of a preregistration; name the .json beside its .md."
        ) from error


def still_matches(registered: Registered, study_name: str, study_hash: str, declared: list[str]) -> list[str]:
    """What a report says of a preregistration: whether study file, declaration, code and packages are as registered.

    `declared` are the sentences of the study's `DeclaredAnalysis`.
    """
    if registered.study_name != study_name:
        return [
            f"The preregistration given is of another study, {registered.study_name}; nothing is compared."
        ]
    known = (
        "before any decision"
        if registered.n_decisions == 0
        else f"after {how_many(registered.n_decisions, 'decision')}"
    )
    sentences = [f"Preregistered on {registered.registered_at}, {known}."]
    if registered.study_hash == study_hash:
        sentences.append("The study file is the one registered.")
    else:
        sentences.append("THE STUDY FILE DIFFERS from the one registered.")
    if registered.declared:
        differing = [sentence for sentence in declared if sentence not in registered.declared]
        sentences.append(
            f"THE DECLARED ANALYSIS DIFFERS from the one registered. It now says: {' '.join(differing)}"
            if differing
            else "The declared analysis is the one registered."
        )
    now = analysis_hashes()
    changed = sorted(
        name for name in now.keys() | registered.analysis if now.get(name) != registered.analysis.get(name)
    )
    if changed:
        sentences.append(f"THE ANALYSIS CODE HAS CHANGED since: {', '.join(changed)}.")
    else:
        sentences.append("The analysis code is the one registered.")
    newer = [
        f"{name} {found} (was {old})"
        for name, old in registered.packages.items()
        if (found := _version_here(name)) != old
    ]
    if newer:
        sentences.append(f"Packages have other versions: {', '.join(newer)}.")
    return sentences


def _version_here(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # as on a study server, where not everything is installed
        return "not installed"


def osf_fields(content: dict[str, Any], study_hash: str, n_decisions: int) -> dict[str, str]:
    """Field of the OSF Preregistration form → what the study file and the analysis say of it."""
    hashes = (
        f"Study file: {study_hash}. Analysis code: {analysis_hash()} (over {len(analysis_hashes())} files, each in "
        "the record beside this text)."
    )
    return {
        **_design_fields(content),
        **_sampling_fields(content, n_decisions),
        **_analysis_fields(content),
        "Hashes": hashes,
    }


def _conditions_in_words(content: dict[str, Any]) -> str:
    return ", ".join(condition_label(name) for name in content["conditions"])


def _hypothesis(content: dict[str, Any]) -> str:
    declared = declared_analysis(content)
    if declared.primary is None:
        return "TO BE COMPLETED: the study has one condition, so no contrast is planned."
    is_told = "is higher than" if declared.direction == "better" else "differs from that"
    return (
        f"With {with_condition(declared.primary.condition)}, balanced accuracy on test applications {is_told} with "
        f"{with_condition(declared.primary.against)} in the same round. TO BE COMPLETED: further hypotheses, each with "
        "its direction."
    )


def _design_fields(content: dict[str, Any]) -> dict[str, str]:
    conditions, trials = _conditions_in_words(content), content.get("trials", {})
    stages = "One stage: a decision beside the advice."
    if trials.get("stages", 1) == 2:
        stages = "Two stages: a decision before the advice and one with it."
    return {
        "Title": str(content.get("title", content["name"])),
        "Hypotheses": _hypothesis(content),
        "Study type": "Experiment: participants are assigned to conditions at random.",
        "Blinding": "Participants are not told which condition they are in until the debriefing.",
        "Study design": (
            f"Between participants: {conditions}. Each decides on {trials.get('main', '?')} applications, "
            f"{trials.get('test_share', 0):.0%} of them from a test pool that no part of the advisor is "
            "trained on, half "
            f"with either outcome. {stages}"
        ),
        "Randomization": (
            "Random permuted blocks within each round, in proportion to the shares of the conditions, of varying "
            "size and from a stored seed; whoever leaves is not replaced in the same condition. Applications and "
            "identities are drawn at random."
        ),
    }


def _sampling_fields(content: dict[str, Any], n_decisions: int) -> dict[str, str]:
    payment = content.get("payment", {})
    quotas = {
        condition_label(name): plan.get("quota")
        for name, plan in content["conditions"].items()
        if isinstance(plan, dict) and plan.get("quota")
    }
    return {
        "Existing data": (
            "Registration prior to creation of data."
            if n_decisions == 0
            else f"Registration after {how_many(n_decisions, 'decision')} had been collected. "
            "TO BE COMPLETED: who has seen them."
        ),
        "Data collection procedures": (
            f"Participants: {content.get('participants', '?')}, recruited by "
            f"{content.get('recruitment', {}).get('platform', '?')}. Payment: {payment.get('base', 0)} "
            f"{payment.get('currency', '')} and {payment.get('bonus_per_correct', 0)} a correct decision."
        ),
        "Sample size": (
            f"Quotas: {', '.join(f'{name} {quota}' for name, quota in quotas.items())}."
            if quotas
            else "TO BE COMPLETED: participants a condition (see human-study power)."
        ),
        "Sample size rationale": "TO BE COMPLETED: paste the table that human-study power writes.",
        "Stopping rule": declared_analysis(content).stopping_rule,
    }


def _analysis_fields(content: dict[str, Any]) -> dict[str, str]:
    conditions, exclusions = _conditions_in_words(content), content.get("exclusions", {})
    listed_exclusions = [f"{name.replace('_', ' ')}: {value}" for name, value in exclusions.items() if value]
    return {
        "Manipulated variables": f"What is shown beside the application: {conditions}.",
        "Measured variables": (
            "Decision (approve or deny), response time, confidence where it is asked for, reasons in words where they "
            "are asked for."
        ),
        "Indices": (
            "Balanced accuracy: the mean of the shares of good applications approved and of bad ones denied, on test "
            "applications."
        ),
        "Statistical models": ESTIMATOR_IN_WORDS,
        "Inference criteria": " ".join(declared_analysis(content).sentences()),
        "Data exclusion": (
            "Excluded: who withdrew or was screened out. "
            + (
                f"Declared in the study file: {'; '.join(listed_exclusions)}."
                if listed_exclusions
                else "Nobody else."
            )
        ),
        "Missing data": "Decisions that were not taken are not imputed; who timed out counts with what they decided.",
        "Exploratory analysis": (
            "Reliance, confidence, learning, similar faces, reasons and audits of the report are "
            "exploratory unless named "
            "in the hypotheses."
        ),
    }
