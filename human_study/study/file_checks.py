"""What a study file may not say although every key of it is valid: left-over placeholders, contradictions, slips."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import yaml

from advisor.bundles.bundle import FACE_CONDITIONS
from data.said_wrong import instead_of

Study = Any  # a StudyFile, whose module imports this one
_FILLED_IN = ("{external_id}", "{session_id}")
# {X}, <X>, [X], $X, ${X}, %X%, __X__, notes to oneself, and the template's own example.
_LEFT_OVER = re.compile(
    r"[{}<>\[\]…]|\.\.\.|\$\w+|%[A-Z]\w+%|(?<![A-Za-z0-9])__\w+?__(?![A-Za-z0-9])|%(?:7B|7D|3C|3E)|C1A2B3"
    r"|\b(?:TODO|TBD|TBA|FIXME|CHANGE_?ME|PLACEHOLDER|X{3,}|YOUR_?\w*|INSERT_?\w*)\b",
    re.IGNORECASE,
)
_SAYS_NOTHING = re.compile(
    r"(?:n/?a|none|pending|to follow|-+|\?+|\.+|…)\b[\s.:!?]*|[-?.…\s]+|[<\[(][^)\]>]*[>\])]", re.IGNORECASE
)
# What nobody writes in a statement that is finished.
_UNFINISHED = re.compile(
    r"\b(?:TODO|TBD|TBA|FIXME|X{3,}|lorem ipsum)\b|\bt\.?b\.?[acd]\b|\bfill (?:me |this )?in\b"
    r"|\bto be (?:filled|announced|added|determined|confirmed|completed|decided)\b"
    r"|<[^<>@]+>|\[[^\]]+\](?!\()|\b(?:you|your\.?name)@|@university\.edu\b",
    re.IGNORECASE,
)
# In units of any currency. Few studies pay so much, and where the unit is small (yen), one line says that it is meant.
_PAY_TO_CONFIRM = 200
# Where a platform's address carries the code that a participant brings back.
_CODE_PARAMETERS = ("cc", "code", "completion_code", "survey_code")
_CODE_IN_PATH = re.compile(r"(?=[A-Z0-9]*\d)(?=[A-Z0-9]*[A-Z])[A-Z0-9]{6,12}")
# Regular expressions of study files, in words.
PATTERNS_IN_WORDS = {
    r"^[a-z]{2,3}$": "write the two or three small letters of a language's ISO 639 code, such as fr",
    r"^[A-Z]{3}$": "write three capital letters, such as EUR",
    r"^[A-Za-z0-9_-]{4,64}$": "write 4 to 64 letters, digits, - or _",
    r"^https://\S+$": "write an address that begins with https:// and has no spaces",
    r"^[a-z][a-z0-9_]{0,40}$": "write lower-case letters, digits and underscores, beginning with a letter",
    r"^[a-z_]+ against [a-z_]+$": 'write two conditions, such as "face against none"',
    r"^[a-z0-9_]{1,60}$": "write at most 60 lower-case letters, digits and underscores",
}


class RepeatedKeyError(yaml.YAMLError):
    """A key that stands twice in the same section of a YAML file."""

    def __init__(self, key: object, line: int) -> None:
        """`line` counts from 1."""
        super().__init__(f"the key {key} is written twice (line {line}); keep one of the two")


class OneOfEachKey(yaml.SafeLoader):
    """Reads YAML safely, and refuses a key that is written twice; YAML itself would silently take the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Raises RepeatedKeyError."""
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key_node.tag != "tag:yaml.org,2002:merge" and key in seen:
                raise RepeatedKeyError(key, key_node.start_mark.line + 1)
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def left_over_placeholder(address: str) -> str | None:
    """What is left in an address for somebody to fill in, or None; {external_id} and {session_id} are filled in."""
    for known in _FILLED_IN:
        address = address.replace(known, "1")
    braces = re.search(r"\{[^}]*\}?", address)
    if found := braces or _LEFT_OVER.search(address):
        return found.group(0)
    if address.count("://") > 1:
        return "https:// twice"
    parameters = parse_qsl(urlsplit(address).query, keep_blank_values=True)
    return next((f"{name}= without a value" for name, value in parameters if not value.strip()), None)


def says_nothing(text: str) -> bool:
    """Whether a text is a note to oneself as a whole, such as TODO."""
    bare = text.strip().rstrip(".:!")
    return bool(_SAYS_NOTHING.fullmatch(text.strip()) or _UNFINISHED.fullmatch(bare))


def is_unfinished(statement: str) -> bool:
    """Whether a statement is no statement yet: a note to oneself, or one with something left to be filled in."""
    return says_nothing(statement) or _UNFINISHED.search(statement) is not None


def code_in(address: str) -> str | None:
    """The completion code that an address carries, or None."""
    parts = urlsplit(address)
    parameters = {name.lower(): value for name, value in parse_qsl(parts.query)}
    in_path = [part for part in parts.path.split("/") if _CODE_IN_PATH.fullmatch(part)]
    carried = [parameters[name] for name in _CODE_PARAMETERS if name in parameters] + in_path
    return next((code for code in carried if code and "{" not in code), None)


def yaml_problem(error: yaml.YAMLError) -> str:
    """What is wrong with a YAML file and the remedy, in words."""
    if isinstance(error, RepeatedKeyError):
        return str(error)
    mark = getattr(error, "problem_mark", None)
    line = f" (line {mark.line + 1})" if mark else ""
    if "\\t" in str(getattr(error, "problem", "")):
        return f"a line is indented with a tab{line}; YAML takes spaces only"
    return f"it is not valid YAML{line}; correct its indentation and quotes"


def _questions_are_told_apart(study: Study) -> None:
    for name, questions in (
        ("screening", study.screening),
        ("comprehension", study.comprehension or ()),
        ("questionnaire", study.questionnaire or ()),
    ):
        ids = [question.id for question in questions]
        if twice := sorted({one for one in ids if ids.count(one) > 1}):
            raise ValueError(f"{name} has two questions with the id {twice[0]}; rename one")


def _time_is_enough(study: Study) -> None:
    total, expected = study.time_limits.total_minutes, study.expected_minutes
    if total is not None and expected is not None and expected > total:
        raise ValueError(
            f"expected_minutes is {expected:g}, but time_limits.total_minutes ends a participation after {total:g};"
            " raise the limit, or lower what is expected"
        )


def _completing_pays_most(study: Study) -> None:
    pay = study.payment
    most = pay.base + pay.bonus_per_correct * study.trials.main
    for ending in ("screened_out", "returned", "timed_out"):
        if pay.for_a_part(ending) > most:
            raise ValueError(
                f"payment.{ending} is {pay.for_a_part(ending):g}, more than the {most:g} that somebody who"
                " completes can earn; lower it"
            )


def _high_pay_is_meant(study: Study) -> None:
    """A slip in the pay is found out when thousands have been promised: high pay is written twice."""
    pay = study.payment
    most = round(pay.base + pay.bonus_per_correct * study.trials.main, 2)
    if pay.most is None and most > _PAY_TO_CONFIRM:
        raise ValueError(
            f"one participant could earn {most:,g} {pay.currency}: payment.base {pay.base:g}, and"
            f" payment.bonus_per_correct {pay.bonus_per_correct:g} for each of {study.trials.main} decisions. Lower"
            f" them, or, if you mean it, write payment.most: {most:g}"
        )
    if pay.most is not None and pay.most != most:
        raise ValueError(
            f"payment.most is {pay.most:g}, but payment.base and payment.bonus_per_correct come to {most:g}; correct"
            " one of them"
        )


def _others_are_kept_out(study: Study) -> None:
    if study.name in study.not_from:
        raise ValueError(
            f"not_from names {study.name}, this study itself, in which everybody takes part once anyway; take it out"
        )


def _pay_does_not_depend_on_chance(study: Study) -> None:
    if study.payment.bonus_per_correct and len(study.conditions) > 1 and "none" not in study.conditions:
        raise ValueError(
            "a bonus needs the condition none: nobody's may be lower than the mean bonus there; add it, or"
            " leave payment.bonus_per_correct out"
        )


def _checks_are_asked_that_exclude(study: Study) -> None:
    limit, n_checks = study.exclusions.failed_attention, study.trials.attention
    if limit is not None and limit > n_checks:
        raise ValueError(
            f"exclusions.failed_attention is {limit}, but there are {n_checks} attention trials, so nobody would"
            " ever be excluded; raise trials.attention, or lower or leave out failed_attention"
        )


def _past_cases_are_to_learn_from(study: Study) -> None:
    if "examples" in study.conditions and not study.trials.learning:
        raise ValueError(
            "the condition examples shows cases of the learning trials beside the face, but trials.learning is 0;"
            " set it to 20, say, or leave the condition out"
        )


def _questions_are_about_faces(study: Study) -> None:
    asked = study.perception_questions
    if asked and not set(FACE_CONDITIONS) & set(study.conditions):
        raise ValueError(
            "perception_questions ask what was seen in a face, but no condition shows one; add the condition face,"
            " or leave them out"
        )
    if asked and asked.trials > study.trials.main:
        raise ValueError(
            f"perception_questions.trials is {asked.trials}, but there are {study.trials.main} main trials; ask on"
            " fewer"
        )


def _contrasts_are_of_its_conditions(study: Study) -> None:
    for pair in study.analysis.pairs if study.analysis else ():
        for condition in pair:
            if condition not in study.conditions:
                raise ValueError(
                    f"analysis names the contrast {pair}, but {condition} is none of the study's conditions; "
                    f"{instead_of(condition, list(study.conditions))}"
                )


def _prolific_can_tell_who_completed(study: Study) -> None:
    plan = study.recruitment
    if plan.platform != "prolific" or study.participants != "people" or plan.code("completion"):
        return
    if plan.completion_url:
        raise ValueError(
            "recruitment.completion_url carries no code (?cc=...), by which prolific knows who completed; copy the"
            " whole address from Prolific, or write the completion_code"
        )
    raise ValueError(
        "recruitment.platform is prolific, which knows by a code who completed; write the completion_code or"
        " the completion_url that Prolific gave you"
    )


_CHECKS = (
    _questions_are_told_apart,
    _time_is_enough,
    _completing_pays_most,
    _high_pay_is_meant,
    _others_are_kept_out,
    _pay_does_not_depend_on_chance,
    _checks_are_asked_that_exclude,
    _past_cases_are_to_learn_from,
    _questions_are_about_faces,
    _contrasts_are_of_its_conditions,
    _prolific_can_tell_who_completed,
)


def require_no_contradiction(study: Study) -> None:
    """Raise ValueError with the first sentence that two parts of a study file say against each other."""
    for check in _CHECKS:
        check(study)
