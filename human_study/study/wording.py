"""What single words and numbers of a study file give away: placeholders left over, statements that state nothing."""

from __future__ import annotations

import re
from typing import Any, get_args
from urllib.parse import parse_qsl, urlsplit

_FILLED_IN = ("{external_id}", "{session_id}")
# {X}, <X>, [X], $X, ${X}, %X%, __X__, notes to oneself, and the template's own example.
_LEFT_OVER = re.compile(
    r"[{}<>\[\]…]|\.\.\.|\$\w+|%[A-Z]\w+%|(?<![A-Za-z0-9])__\w+?__(?![A-Za-z0-9])|%(?:7B|7D|3C|3E)|C1A2B3"
    r"|\b(?:TODO|TBD|TBA|FIXME|CHANGE_?ME|PLACEHOLDER|X{3,}|YOUR_?\w*|INSERT_?\w*)\b",
    re.IGNORECASE,
)
_SAYS_NOTHING = re.compile(
    r"(?:n/?a|none|todo|pending|to follow|-+|\?+|\.+|…)\b[\s.:!?]*|[-?.…\s]+|[<\[(][^)\]>]*[>\])]",
    re.IGNORECASE,
)
# What nobody writes in a statement that is finished.
_UNFINISHED = re.compile(
    r"\b(?:(?-i:TODO)|TBD|TBA|FIXME|X{3,}|lorem ipsum)\b|\bt\.?b\.?[acd]\b|\bfill (?:me |this )?in\b"
    r"|\bto be (?:filled|announced|added|determined|confirmed|completed|decided)\b"
    r"|<[^<>@]+>|\[[^\]]+\](?!\()|\b(?:you|your\.?name)@|@university\.edu\b",
    re.IGNORECASE,
)
# What is written where a board has yet to approve, and what names no board: generic words alone.
_NOT_YET = re.compile(
    r"\b(?:pending|applied for|in preparation|(?:in|under|being) review(?:ed)?|awaiting|waiting for|not yet"
    r"|submitted|(?:will|to) be (?:submitted|sought|applied)"
    r"|beantragt|eingereicht|noch nicht|in (?:Prüfung|Bearbeitung)|ausstehend)\b",
    re.IGNORECASE,
)
_NOT_GRANTED = re.compile(
    r"\bnot (?:yet )?(?:been )?(?:approved|granted|cleared)\b|\bnicht genehmigt\b", re.IGNORECASE
)
_GRANTED = re.compile(
    r"\b(?:approved|approves|granted|cleared|exempt\w*|waived|genehmigt|bewilligt|positiv\w*)\b",
    re.IGNORECASE,
)
_GENERIC_WORD = re.compile(
    r"a|an|and|applied|application|approval|approve|approved|at|awaiting|await|been|board|by|clearance"
    r"|cleared|committee|done|erb|ethical|ethics|exempt|exempted|exemption|for|from|got|granted|has|have|in"
    r"|institutional|irb|is|it|needed|no|none|not|obtained|of|ok|on|our|pending|planned|process|progress"
    r"|rec|received|required|research|review|reviewed|reviewing|soon|still|submitted|submission|the|this|to"
    r"|true|false|under|unknown|university|waiting|was|we|will|yes|yet|ja|nein|noch|nicht|beantragt"
    r"|genehmigt|eingereicht|liegt|vor|ethikkommission|ethikvotum|ausstehend|der|die|von|test|testing|study"
)
# A template's words in a text that participants read as it stands: {n_trials}, {{ name }}, ${contact}, [your name].
_TEMPLATE_WORDS = re.compile(
    r"(?<![\\\w}^])\$?\{+\s*[^\W\d]\w*\s*\}+|%[A-Z]\w+%|<<[^<>]+>>|(?<!\w)__[A-Z]\w*__(?!\w)"
    r"|\b(?:TODO|TBD|TBA|FIXME|X{3,}|CHANGE_?ME|YOUR_\w+|INSERT_\w+)\b|(?i:\blorem ipsum\b)"
    r"|(?i:[\[<](?:insert|enter|add|your|name of|fill|date|contact|institution|university|researcher)\b[^\]>]*"
    r"[\]>](?!\())"
)
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


def left_over_placeholder(address: str) -> str | None:
    """What is left in an address for somebody to fill in, or None; {external_id} and {session_id} are filled in."""
    for known in _FILLED_IN:
        address = address.replace(known, "1")
    braces = re.search(r"\{[^}]*\}?", address)
    if found := braces or _LEFT_OVER.search(address):
        return found.group(0)
    stray = re.search(r"[)\"'`,;.!]+$", address)
    if stray and not (stray.group(0) == ")" and "(" in address):
        return f"{stray.group(0)} at the end of the address"
    if address.count("://") > 1:
        return "https:// twice"
    parameters = parse_qsl(urlsplit(address).query, keep_blank_values=True)
    return next((f"{name}= without a value" for name, value in parameters if not value.strip()), None)


def plain(number: float) -> str:
    """A number as it is written in a study file: 10000.15, never 1e+04 or rounded."""
    return f"{number:.6f}".rstrip("0").rstrip(".")


def template_words(text: str) -> str | None:
    """Words of a template in a text that is shown as it stands, such as {n_trials}, or None."""
    found = _TEMPLATE_WORDS.search(text)
    return found.group(0) if found else None


def names_no_board(approval: str) -> bool:
    """Whether a statement of approval says that there is none yet, or nothing of who gave it."""
    words = re.findall(r"[^\W\d_]+", approval.lower())
    without = _NOT_GRANTED.sub("not yet", approval)
    is_waiting = bool(_NOT_YET.search(without)) and not _GRANTED.search(without)
    return is_waiting or (all(map(_GENERIC_WORD.fullmatch, words)) and not re.search(r"\d", approval))


def no_truth_value(value: object, annotation: Any) -> object:
    """A study file's value as it is, of a key with this annotation.

    Raises ValueError where YAML read it as a truth value (yes, no, on, off) and the key takes none.
    """
    if isinstance(value, bool) and bool not in (annotation, *get_args(annotation)):
        word = "yes" if value else "no"
        raise ValueError(
            f"{word}, true, false and the like are neither a number nor a text here; write the value itself, a word"
            f' such as "{word}" in quotes'
        )
    return value


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
