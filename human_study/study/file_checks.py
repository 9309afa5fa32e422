"""What a study file may not say although every key of it is valid: contradictions, slips, ways that lead nowhere."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from advisor.bundles.bundle import FACE_CONDITIONS
from data.said_wrong import instead_of
from human_study.study.wording import code_in, plain, template_words

Study = Any  # a StudyFile, whose module imports this one
_TITLES_OF_NOTHING = re.compile(
    r"(?:(?:the |a |my |your )?(?:study|project|test|example|sample)(?: (?:study|project|title|name))?"
    r"|title(?: of .*study)?|untitled(?: study)?|testing|name)",
    re.IGNORECASE,
)
_NEVER_SENT = ("example.com", "example.org", "example.net", "localhost", "invalid", "local", "test")
_PLATFORM_HOSTS = {
    "prolific": ("prolific.com", "prolific.co"),
    "mturk": ("mturk.com",),
    "sona": ("sona-systems.com",),
}
_FURTHEST_SHARES = 100  # allocation goes by blocks, in which every condition stands at least once
_LEAST_MINUTES, _SHORT_PAUSE_MINUTES = 1, 10
# In units of any currency. Few studies pay so much, and where the unit is small (yen), one line says that it is meant.
_PAY_TO_CONFIRM = 200


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
            f"expected_minutes is {plain(expected)}, but time_limits.total_minutes ends a participation after"
            f" {plain(total)};"
            " raise the limit, or lower what is expected"
        )


def _shares_fit_in_a_block(study: Study) -> None:
    shares = study.shares
    rarest, most = min(shares, key=shares.__getitem__), max(shares, key=shares.__getitem__)
    if shares[most] > _FURTHEST_SHARES * shares[rarest]:
        raise ValueError(
            f"conditions.{most} has a share of {shares[most]:g} and {rarest} of {shares[rarest]:g}, more than"
            f" {_FURTHEST_SHARES} to 1, so that hardly anybody would be in {rarest}; bring them closer, or leave it out"
        )


def _completing_pays_most(study: Study) -> None:
    pay = study.payment
    most = pay.highest(study.trials.main)
    for ending in ("screened_out", "returned", "timed_out"):
        if pay.for_a_part(ending) > most:
            raise ValueError(
                f"payment.{ending} is {plain(pay.for_a_part(ending))}, more than the {plain(most)} that somebody who"
                " completes can earn; lower it"
            )


def _high_pay_is_meant(study: Study) -> None:
    """A slip in the pay is found out when thousands have been promised: high pay is written twice."""
    pay = study.payment
    most = pay.highest(study.trials.main)
    if pay.most is None and most > _PAY_TO_CONFIRM:
        raise ValueError(
            f"one participant could earn {plain(most)} {pay.currency}: payment.base {plain(pay.base)}, and"
            f" payment.bonus_per_correct {plain(pay.bonus_per_correct)} for each of {study.trials.main} decisions."
            f" Lower them, or, if you mean it, write payment.most: {plain(most)}"
        )
    if pay.most is not None and pay.most != most:
        raise ValueError(
            f"payment.most is {plain(pay.most)}, but payment.base and payment.bonus_per_correct come to {plain(most)};"
            " correct one of them"
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


def _addresses_lead_back(study: Study) -> None:
    plan = study.recruitment
    for ending, address in plan.addresses().items():
        parts = urlsplit(address)
        host = (parts.hostname or "").rstrip(".")
        is_of = {name for name, hosts in _PLATFORM_HOSTS.items() if any(_is_at(host, one) for one in hosts)}
        key = f"recruitment.{ending}_url"
        if any(_is_at(host, one) for one in _NEVER_SENT) or "." not in host or re.fullmatch(r"[\d.]+", host):
            raise ValueError(
                f"{key} leads to {host}, where no participant can go; copy the platform's own address"
            )
        if is_of and plan.platform not in (*is_of, "link"):
            raise ValueError(
                f"{key} is an address of {min(is_of)}, but recruitment.platform is {plan.platform}; correct one of them"
            )
        if "prolific" not in is_of:
            continue
        if not parts.path.startswith("/submissions/"):
            raise ValueError(
                f"{key} is no address of Prolific that takes people back; copy the one that begins with"
                " https://app.prolific.com/submissions/complete?cc="
            )
        if code_in(address) is None:
            raise ValueError(
                f"{key} carries no code (?cc=...), by which prolific knows how it ended; copy the whole address from"
                " Prolific"
            )


def _is_at(host: str, domain: str) -> bool:
    return host == domain or host.endswith(f".{domain}")


def _texts_are_filled_in(study: Study) -> None:
    texts = {"title": study.title, **{f"texts.{key}": text for key, text in study.texts if text}}
    for name in ("screening", "comprehension", "questionnaire"):
        for question in getattr(study, name) or ():
            said = (question.question, *question.options, getattr(question, "explanation", ""))
            texts[f"{name}, question {question.id},"] = "\n".join(said)
    for key, text in texts.items():
        if left := template_words(text):
            raise ValueError(
                f"{key} holds {left}, which participants would read as it stands; write what it stands for"
            )
    if study.participants == "people" and _TITLES_OF_NOTHING.fullmatch(study.title.strip(" .:!<>[]\"'")):
        raise ValueError(
            f'the title "{study.title}" says nothing to participants, who read it first; write the study\'s'
        )


def _limits_leave_somebody(study: Study) -> None:
    for key in ("idle_minutes", "total_minutes"):
        limit = getattr(study.time_limits, key)
        if study.participants == "people" and limit is not None and limit < _LEAST_MINUTES:
            raise ValueError(
                f"time_limits.{key} is {plain(limit)}, so that people would run out of time while they read the consent"
                " text; it counts minutes: raise it"
            )
    fastest, expected = study.exclusions.median_response_time_ms, study.expected_minutes
    if fastest and expected and fastest * study.trials.main > expected * 60_000:
        raise ValueError(
            f"exclusions.median_response_time_ms is {plain(fastest)} milliseconds, which {study.trials.main} decisions"
            f" exceed in the {plain(expected)} minutes expected, so nearly everybody would be excluded; lower it"
        )


def _screening_keeps_somebody_out(study: Study) -> None:
    for question in study.screening:
        if set(question.options) <= set(question.accept):
            raise ValueError(
                f"screening question {question.id} accepts every option and keeps nobody out; take out of accept the"
                " options of people who cannot take part, or ask it in the questionnaire"
            )


def remarks(study: Study) -> list[str]:
    """What a study may mean, but seldom does: a sentence each, for who serves it."""
    said, plan, limits = [], study.recruitment, study.time_limits
    if limits.idle.total_seconds() < 60 * min(
        _SHORT_PAUSE_MINUTES, study.expected_minutes or _SHORT_PAUSE_MINUTES
    ):
        said.append(
            f"time_limits.idle_minutes is {plain(limits.idle.total_seconds() / 60)}: who pauses for longer"
            " is out for good."
        )
    for ending, address in plan.addresses().items():
        at_prolific = any(
            _is_at(urlsplit(address).hostname or "", one) for one in _PLATFORM_HOSTS["prolific"]
        )
        if (plan.platform == "prolific") != at_prolific and plan.platform in ("prolific", "link"):
            other = (
                "is not Prolific's"
                if plan.platform == "prolific"
                else "is Prolific's, but the platform is link"
            )
            said.append(
                f"recruitment.{ending}_url {other}: make sure that people are paid who come back by it."
            )
    return said


_CHECKS = (
    _questions_are_told_apart,
    _shares_fit_in_a_block,
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
    _addresses_lead_back,
    _texts_are_filled_in,
    _limits_leave_somebody,
    _screening_keeps_somebody_out,
)


def require_no_contradiction(study: Study) -> None:
    """Raise ValueError with the first sentence that two parts of a study file say against each other."""
    for check in _CHECKS:
        check(study)
