"""What a column of a table probably is: its kind, its role, and what only a person can say about it."""

import re
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute

from data.errors import TaskError
from data.tasks.table import NO_TEXTS, YES_TEXTS
from data.tasks.task_file import Kind, Role
from data.tasks.written_numbers import bare_number, looks_written, numbers_of, plain_number

MOST_CATEGORIES = 40
LEAKS_ABOVE = 0.9  # area under the curve of one column alone, on rows that its rates were not taken from
N_SAMPLED = 20_000
N_BINS = 20
_PROTECTED = re.compile(
    r"\b(age|sex|gender|race|ethnic\w*|nation\w*|religion|marital|birth\w*|born|dob|disab\w*|pregnan\w*|foreign\w*|"
    r"zip|postcode|alter|geschlecht|familienstand|herkunft|staatsang\w*|geburt\w*)\b"
)
_PRICE = re.compile(r"\b(int rate|interest\w*|apr|sub grade|grade|zins\w*)\b")
_NAMES_PEOPLE = re.compile(
    r"\b(name|names|surname|lastname|firstname|forename|e?mail|phone|mobile|telephone|tel|fax|address|street|iban|ssn|"
    r"passport|vorname|nachname|telefon|handy|anschrift|adresse|stra(ss|ß)e|steuer ?(id|nr|nummer))\b"
)
_MONTH = (
    r"(jan|feb|m[aä]r|apr|ma[iy]|jun|jul|aug|sep|o[ck]t|nov|de[cz]"
    r"|ene|abr|ago|dic|f[eé]v|avr|ao[uû]|d[eé]c)[a-zéûä]*\.?"
)
_DATE = (
    r"(?i)^(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{4}[-/]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](\d{4}|\d{2})|\d{1,2}/\d{4}"
    r"|(\d{1,2}[-/. ]{1,2})?" + _MONTH + r"[-/. ']{1,2}(\d{1,2},? )?(\d{4}|\d{2}))([T ]\d{1,2}:\d{2}.*)?$"
)
_DATE_DIGITS = r"^(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])$"
# What a spreadsheet writes into a cell whose formula failed.
_FAILED = r"^#¡?(DIV/0|\w+)[!?]$"
_SIGN_OR_UNIT = re.compile(r"[%€$£¥₩₹]|\b(EUR|USD|GBP|CHF|JPY|KRW|SEK|NOK|DKK|PLN|Euro|Dollar)\b")
_MOST_MISSING_WORDS = 5  # of a column of numbers, and a tenth of what it holds
_SENTINELS = {-999, -99, -9, 99, 999, 9999, 99999, 999999, 9999999, 99999999}

_GOOD = re.compile(r"good|repaid|paid.*|fully paid|approved|ok|success|gut|no default|current", re.I)
_TRUE = re.compile(r"yes|y|true|1|ja|on", re.I)  # good where the column is named after something good
_GOOD_NAME = re.compile(
    r"\b(re)?paid\b|\bgood\b|\bsuccess|\bapproved\b|\bgut\b|\b(zurück)?gezahlt\b|\bbezahlt\b"
)
_TOTAL = re.compile(
    r"\W*(grand |sub)?(total|sums?|summe|gesamt\w*|insgesamt|zwischensumme|average|mean|mittelwert)\b", re.I
)
_NOT = re.compile(r"\b(not?|un|nicht|kein\w*|late)\b")


@dataclass
class ColumnDraft:
    """One column as it is proposed; `questions` are for a person."""

    name: str
    role: Role = "feature"
    kind: Kind | None = None
    categories: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)  # words that stand for a missing number
    questions: list[str] = field(default_factory=list)
    n_distinct: int = 0
    n_missing: int = 0
    told: float = 0.5  # area under the curve of the outcome by this column alone
    shown: bool = False

    @property
    def label(self) -> str:
        """The name in words: "loanAmount_total" as "Loan amount total"; one written for people stays as it is."""
        words = words_of(self.name) if re.search(r"_|[a-z0-9][A-Z]", self.name) else self.name.strip()
        return words[:1].upper() + words[1:]


def words_of(name: str) -> str:
    """A column's name as words in small letters."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return " ".join(re.sub(r"[\W_]+", " ", parted).lower().split()) or name


def _values_count(n: int) -> str:
    return "1 value counts" if n == 1 else f"{n:,} values count"


def draft_column(name: str, texts: pa.ChunkedArray, decimal: str | None) -> ColumnDraft:
    """Kind and role of one column (text, null where missing), by its values and its name."""
    distinct = texts.unique().drop_null()
    draft = ColumnDraft(name, n_distinct=len(distinct), n_missing=texts.null_count)
    if len(distinct) < 2:
        draft.role = "ignored"
        draft.questions.append(_says_nothing(distinct, texts))
        return draft
    if names_people(name):
        draft.role = "ignored"
        draft.questions.append(
            "its name suggests that it identifies people: left out, and shown to nobody; delete it from the table, or "
            "give it a role if it does not"
        )
        return draft
    told_numbers = without_missing_words(distinct)
    if _all_match(told_numbers, _DATE) or _all_match(told_numbers, _DATE_DIGITS):
        draft.role = "ignored"
        draft.questions.append(
            f'left out, because dates ("{told_numbers[0]}") cannot be features; to use them, add a column of numbers '
            "to the table, such as the days since then"
        )
        return draft
    numbers = numbers_of(pa.chunked_array([told_numbers]), decimal)
    is_code = pa.compute.any(pa.compute.match_substring_regex(distinct, r"^0\d")).as_py()  # 007 is no number
    words = {str(text).lower() for text in distinct[:3].to_pylist()}
    if len(distinct) == 2 and not texts.null_count and words <= {*YES_TEXTS, *NO_TEXTS}:
        draft.kind = "yes_no"
    elif np.isfinite(numbers).all() and not is_code:
        missing = set(map(str, distinct.to_pylist())) - set(map(str, told_numbers.to_pylist()))
        _draft_numbers(draft, numbers, sorted(missing))
    elif len(distinct) > MOST_CATEGORIES and all(map(looks_written, map(str, told_numbers.to_pylist()))):
        draft.role = "ignored"
        unread = _oddest(told_numbers, numbers)
        plain = (
            None if set(unread) & set("()-") else plain_number(bare_number(unread), decimal)
        )  # (10) is -10
        draft.questions.append(
            f'left out, because it has numbers such as "{unread}": write plain digits{f" ({plain})" if plain else ""}'
            " in the table, delete this file and draft again"
        )
        return draft
    elif len(distinct) <= MOST_CATEGORIES:
        draft.kind, draft.categories = "category", sorted(map(str, distinct.to_pylist()))
        if texts.null_count:
            draft.questions.append(
                f"{_values_count(texts.null_count)} as missing (blank, NA, none, - and the like); if one of these "
                "words is a category here, list it below"
            )
        if all(map(looks_written, draft.categories)) and any(map(_SIGN_OR_UNIT.search, draft.categories)):
            draft.questions.append(
                f'are these numbers, such as "{_oddest(told_numbers, numbers)}", rather than categories? Then write '
                "plain digits in the table, delete this file and draft again"
            )
    else:
        draft.role = "ignored"
        draft.questions.append(
            f"{len(distinct):,} different texts are too many for categories: left out; is it free text or a code?"
        )
        return draft
    if _PROTECTED.search(words_of(name)):
        draft.role = "protected"
        draft.questions.append(
            "its name suggests a protected attribute: kept for audits, seen by neither machine nor people; is it one?"
        )
    elif _PRICE.search(words_of(name)):
        draft.role = "price"
        draft.questions.append("its name suggests the lender's own price or grade; is it?")
    return draft


def _says_nothing(distinct: pa.Array, texts: pa.ChunkedArray) -> str:
    """What to say of a column that holds one text at most, in some rows or in all."""
    if not len(distinct):
        return "it is always empty: left out"
    if not texts.null_count:
        return "it is the same in every row: left out"
    n_filled = len(texts) - texts.null_count
    return (
        f'it says "{distinct[0]}" in {n_filled:,} rows and is empty in the other {texts.null_count:,}: left out; if '
        "empty means no, write a word such as no into these cells, delete this file and draft again"
    )


def _all_match(distinct: pa.Array, pattern: str) -> bool:
    return len(distinct) > 0 and bool(
        pa.compute.all(pa.compute.match_substring_regex(distinct, pattern)).as_py()
    )


def _oddest(texts: pa.Array, numbers: np.ndarray) -> str:
    """The first of the texts that is no number yet, or the first of all."""
    odd = np.flatnonzero(~np.isfinite(numbers))
    return str(texts[int(odd[0]) if len(odd) else 0])


def _draft_numbers(draft: ColumnDraft, numbers: np.ndarray, missing: list[str]) -> None:
    """Kind and questions of a column of finite numbers [n] and of words that are `missing` among them."""
    is_whole = (numbers == np.floor(numbers)).all() and np.abs(numbers).max() < 2**53
    draft.kind = "integer" if is_whole and not draft.n_missing and not missing else "number"
    draft.missing = missing
    if missing:
        named = ", ".join(f'"{word}"' for word in missing)
        draft.questions.append(f"does {named} mean that the value is missing, as assumed below?")
    sentinels = sorted(_SENTINELS & set(numbers.tolist()) & {numbers.min(), numbers.max()})
    if sentinels:
        draft.questions.append(
            f"does {sentinels[0]:g} mean that the value is missing? Then add missing: {sentinels[0]:g}"
        )


def without_missing_words(distinct: pa.Array) -> pa.Array:
    """Distinct texts less those without a digit, where these are few among many: words for a missing number."""
    has_digit = pa.compute.and_not(
        pa.compute.match_substring_regex(distinct, r"\d"), pa.compute.match_substring_regex(distinct, _FAILED)
    )
    n_words = len(distinct) - int(pa.compute.sum(has_digit).as_py() or 0)
    return (
        distinct.filter(has_digit) if n_words <= min(_MOST_MISSING_WORDS, len(distinct) // 10) else distinct
    )


def names_people(name: str) -> bool:
    """Whether a column's name says that it tells who somebody is, such as a name or an address."""
    return _NAMES_PEOPLE.search(words_of(name)) is not None


def may_be_id(name: str, draft: ColumnDraft, n_rows: int) -> int:
    """How much speaks for a column as the id: 0 (nothing) to 2 (its values and its name)."""
    if draft.n_missing or draft.n_distinct != n_rows or draft.kind == "number" or names_people(name):
        return 0
    return 2 if re.search(r"\b(id|key|nr|no|number|nummer|index)\b|id$", words_of(name)) else 1


def told_by(texts: pa.ChunkedArray, kind: Kind, decimal: str | None, is_positive: np.ndarray) -> float:
    """Area under the curve with which one column alone tells the outcome (bool [N]), 0.5 to 1.

    Rates of the outcome in bins or categories are taken from one half of a sample and tried on the other.
    """
    rows = np.random.default_rng(0).permutation(len(texts))[:N_SAMPLED]
    sampled, outcome = texts.take(pa.array(rows)), is_positive[rows]
    if kind in ("number", "integer"):
        ranks = pd.Series(numbers_of(sampled, decimal)).rank(pct=True).to_numpy()
        cells = np.nan_to_num(np.ceil(ranks * N_BINS))  # 0: missing
    else:
        cells = pd.factorize(sampled.to_pandas())[0]
    learned = np.arange(len(rows)) % 2 == 0
    rates = pd.Series(outcome[learned]).groupby(cells[learned]).mean()
    score = pd.Series(cells[~learned]).map(rates).fillna(outcome[learned].mean())
    good = outcome[~learned]
    if not good.any() or good.all():
        return 0.5
    places = score.rank().to_numpy()
    n_good, n_bad = int(good.sum()), int((~good).sum())
    area = (places[good].sum() - n_good * (n_good + 1) / 2) / (n_good * n_bad)
    return float(max(area, 1 - area))


def outcomes_of(texts: pa.ChunkedArray, outcome: str) -> tuple[str, str, bool]:
    """The two outcomes, and whether words and the column's name tell that the first is the good one.

    Raises TaskError where the column does not hold two.
    """
    counted = {
        str(entry["values"]): entry["counts"] for entry in texts.drop_null().value_counts().to_pylist()
    }
    if outcome in counted:
        row = pa.compute.index(texts, outcome).as_py() + 1
        raise TaskError(f"row {row:,} repeats the names of the columns; delete that line")
    folded = {word.casefold(): word for word in counted}
    if len(counted) != 2 and len(folded) == 2:
        one, other = next(
            (word, folded[word.casefold()]) for word in counted if folded[word.casefold()] != word
        )
        raise TaskError(f'column {outcome} holds "{one}" and "{other}"; write what means the same alike')
    if len(counted) == 1 and texts.null_count:
        raise TaskError(
            f'column {outcome} holds "{next(iter(counted))}" in {len(texts) - texts.null_count:,} rows and nothing in'
            " the others; if nothing means the other outcome, write a word for it there, else leave these rows out"
        )
    if len(counted) != 2:
        some = ", ".join(f'"{word}"' for word in sorted(counted)[:6]) or "nothing"
        raise TaskError(
            f"column {outcome} holds {len(counted):,} different values ({some}); an outcome has two: name another "
            "column, or write one with two values"
        )
    first, second = sorted(counted, key=lambda word: (not _is_good(word, outcome), -counted[word]))
    return first, second, _is_good(first, outcome) and not _is_good(second, outcome)


def rows_without_outcome(texts: pa.Table, outcome: str) -> list[str]:
    """A comment on the rows that hold no outcome, which may be a total; [] where all hold one."""
    rows = np.flatnonzero(texts[outcome].is_null().to_numpy())
    if not len(rows):
        return []
    named = f" (row {', '.join(f'{row + 1:,}' for row in rows)})" if len(rows) <= 3 else ""
    n_rows = f"{len(rows):,} {'row has' if len(rows) == 1 else 'rows have'} no outcome{named}"
    last = texts.slice(int(rows[-1]), 1).to_pylist()[0].values()
    total = next((text for text in last if text and _TOTAL.match(str(text))), None)
    is_total = f'; row {rows[-1] + 1:,} seems to be a total ("{total}")' if total else ""
    return [f"# ? {n_rows}: delete {'it' if len(rows) == 1 else 'them'} from the table{is_total}."]


def _is_good(word: str, outcome: str) -> bool:
    """Whether a word says a good outcome by itself, or says yes in a column that is named after one."""
    name = words_of(outcome)
    named_good = _GOOD_NAME.search(name) is not None and not _NOT.search(name)
    return bool(_GOOD.fullmatch(word) or (named_good and _TRUE.fullmatch(word)))
