"""Reasons in words: a code book, what it suggests for a text, and how well two coders agree.

Coding is transparent: a suggestion is nothing but the code book's keywords found in the text, and the figures are
of what people coded, never of suggestions. Agreement is Cohen's kappa for each code; its
interval leaves out one text at a time.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from advisor.measurement.crossed_means import MIN_PEOPLE, mean_among
from human_study.analysis.kappa import cohens_kappa
from human_study.analysis.study_results import StudyResults
from human_study.findings.finding import Column, Finding, FindingTable, estimate_cells, not_computed
from human_study.presentation.labels import condition_label

NOT_BOTH = "no text was coded by both"
FEW_TEXTS = f"fewer than {MIN_PEOPLE} texts were coded by both: no interval"
NO_REASONS = "nobody has given a reason in words yet"
_KAPPA_COLUMNS = ["code", "coders", "n_texts", "n_first", "n_second", "agreement"]


@dataclass(frozen=True)
class Code:
    """A kind of reason: its name, when it applies, and words that suggest it (a final * stands for any ending)."""

    code: str
    definition: str
    keywords: tuple[str, ...]


DEFAULT_CODE_BOOK: tuple[Code, ...] = (
    Code(
        "analogy",
        "likens the application to another one",
        ("like the", "similar*", "remind*", "same as", "another one", "previous", "seen before", "resembl*"),
    ),
    Code(
        "face",
        "names the face or its expression",
        (
            "face",
            "smil*",
            "eyes",
            "brow*",
            "look*",
            "expression",
            "frown*",
            "friendly",
            "worried",
            "trustworthy",
        ),
    ),
    Code("score", "names the machine's score", ("score", "percent*", "probability", "computer", "machine")),
    Code(
        "income", "names what the applicant earns", ("income", "salary", "earn*", "wage*", "job", "employ*")
    ),
    Code("amount", "names the amount asked for", ("amount", "sum", "loan size", "too much", "small loan")),
    Code(
        "debt", "names debts or past payments", ("debt*", "owe*", "credit*", "delinquen*", "late", "history")
    ),
    Code(
        "purpose", "names what the money is for", ("purpose", "because they want", "wedding", "car", "house")
    ),
    Code(
        "feeling",
        "a feeling that is not explained",
        ("feel*", "gut", "instinct", "guess*", "intuition", "sense"),
    ),
)


def suggest_codes(text: str, code_book: Sequence[Code] = DEFAULT_CODE_BOOK) -> list[str]:
    """Codes whose keywords stand in the text as whole words, in the code book's order."""
    return [
        code.code for code in code_book if any(_found(word, text) for word in code.keywords if word.strip())
    ]


def _found(keyword: str, text: str) -> bool:
    keyword = keyword.strip()
    pattern = re.escape(keyword.removesuffix("*")) + (r"\w*" if keyword.endswith("*") else "")
    return re.search(rf"(?<!\w){pattern}(?!\w)", text, re.IGNORECASE) is not None


def coder_agreement(codes: pd.DataFrame) -> pd.DataFrame:
    """Cohen's kappa of every two coders for each code, over the texts that both coded.

    `codes` has trial_key, coder, code, a row a code given; code "" says that none applies. Columns: code, coders,
    n_texts, n_first and n_second (texts given the code by either), agreement (share), kappa with interval columns.
    """
    rows = []
    given = codes.groupby(["coder", "trial_key"])["code"].agg(set)
    for first, second in combinations(sorted(codes["coder"].unique()), 2):
        both = given[first].index.intersection(given[second].index)
        for code in sorted(set(codes["code"]) - {""}):
            one, other = (
                np.array([code in given[coder][key] for key in both], dtype=bool) for coder in (first, second)
            )
            row = {"code": code, "coders": f"{first} and {second}", "n_texts": len(both)}
            row |= {"n_first": int(one.sum()), "n_second": int(other.sum())}
            row["agreement"] = float((one == other).mean()) if len(both) else np.nan
            kappa = cohens_kappa(both.to_series(), one, other, NOT_BOTH, FEW_TEXTS)
            rows.append(row | estimate_cells("kappa", kappa))
    return pd.DataFrame(rows, columns=None if rows else [*_KAPPA_COLUMNS, "kappa"])


def code_table(decisions: pd.DataFrame, codes: pd.DataFrame) -> pd.DataFrame:
    """How often each code was given: by condition and code, n_texts, share with interval, share_correct.

    A text has a code if any coder gave it. `decisions` need trial_key, participant_key, application_id, condition,
    approved and outcome. Intervals are over people and applications.
    """
    coded = decisions[decisions["trial_key"].isin(codes["trial_key"])]
    rows = []
    for condition, group in coded.groupby("condition"):
        correct = (group["approved"] == group["outcome"]).to_numpy()
        for code in sorted(set(codes["code"]) - {""}):
            has = group["trial_key"].isin(codes.loc[codes["code"] == code, "trial_key"]).to_numpy()
            everywhere = np.ones(len(group), dtype=bool)
            people, applications = group["participant_key"].to_numpy(), group["application_id"].to_numpy()
            share = mean_among(has, everywhere, people, applications, NO_REASONS).estimate(0.0, 1.0)
            row = {"condition": str(condition), "code": code, "n_texts": len(group)}
            row["share_correct"] = float(correct[has].mean()) if has.any() else np.nan
            rows.append(row | estimate_cells("share", share))
    return pd.DataFrame(rows)


def reasons_given(decisions: pd.DataFrame) -> pd.DataFrame:
    """The decisions that came with a reason in words."""
    return decisions[decisions["reason"].fillna("").str.strip() != ""]


def not_yet_coded(given: pd.DataFrame, codes: pd.DataFrame, coder: str) -> pd.DataFrame:
    """Of the decisions with a reason those that a coder has not coded, in an order that reveals nothing."""
    done = set(codes.loc[codes["coder"] == coder, "trial_key"])
    return given[~given["trial_key"].isin(done)].sort_values(
        "trial_key"
    )  # neither by person nor by condition


def reason_findings(results: StudyResults) -> Finding:
    """How often which reason was given, and whether coders agree. Counts suggestions only where nobody coded."""
    name, title = "reasons", "Reasons in words"
    given = reasons_given(results.decisions)
    if given.empty:
        return not_computed(name, title, NO_REASONS)
    codes = results.reason_codes
    sentence = (
        f"{len(given):,} decisions came with a reason, {codes['trial_key'].nunique():,} of them are coded."
    )
    if codes.empty:
        return Finding(
            name,
            title,
            (sentence,),
            reason="no reason is coded yet; code them on the page Reasons of the analyst app",
        )
    table = code_table(given, codes)
    table["label"] = table["condition"].map(condition_label) if len(table) else []
    columns = (
        Column("label", "Condition"),
        Column("code", "Code"),
        Column("n_texts", "Coded reasons", "integer"),
        Column("share", "Share with the code", "percent"),
        Column("share_correct", "Correct among them", "percent"),
    )
    tables = [FindingTable("reasons", "Reasons by condition, with 95% intervals.", table, columns)]
    agreement = coder_agreement(codes)
    if agreement.empty:
        return Finding(
            name, title, (sentence, "One person coded: agreement cannot be computed."), tuple(tables)
        )
    kappa_columns = (
        Column("code", "Code"),
        Column("coders", "Coders"),
        Column("n_texts", "Coded by both", "integer"),
        Column("agreement", "Agreement", "percent"),
        Column("kappa", "Cohen's κ", "two_decimals"),
    )
    tables.append(
        FindingTable("coder_agreement", "Agreement of coders, with 95% intervals.", agreement, kappa_columns)
    )
    return Finding(name, title, (sentence,), tuple(tables))
