"""Whether outcomes by condition are withheld: while people can still join, who sees them may stop when they please.

Nine looks at a study without an effect find one in 17 % of studies where 5 % are meant to (Armitage, McPherson and
Rowe 1969, J. R. Stat. Soc. A 132). Simulated participants are no evidence, so theirs are never withheld.
"""

from data.records import ParticipantKind, Study

WITHHELD = (
    "Outcomes by condition are withheld while the study is open, so that nobody stops it because of what they saw. "
    "Close it to see them (`human-study close`), or declare looks in advance (`analysis.looks_at` in the study file)."
)


def is_withheld(study: Study, kind: ParticipantKind) -> bool:
    """Whether outcomes by condition of these participants are withheld at present."""
    return study.status == "open" and kind == "people"
