"""Looks that a study declared in advance: who is seen at each, and what the one boundary of them all is made of."""

import pandas as pd

from human_study.study.analysis_plan import DeclaredAnalysis


def completed_in(participants: pd.DataFrame, round_number: int) -> list[str]:
    """Keys of those who completed a round, in the order of completion."""
    done = participants[
        (participants["round_number"] == round_number) & (participants["status"] == "completed")
    ]
    return list(done.sort_values(["completed_at", "participant_key"])["participant_key"])


def look_reached(participants: pd.DataFrame, declared: DeclaredAnalysis) -> tuple[int, list[str]] | None:
    """The newest look that was reached in the newest round: its size, and the keys of who is not seen at it."""
    if participants.empty:
        return None
    newest = int(participants["round_number"].max())
    completed = completed_in(participants, newest)
    reached = [n for n in declared.looks_at if n <= len(completed)]
    if not reached:
        return None
    in_newest = participants.loc[participants["round_number"] == newest, "participant_key"]
    return reached[-1], list(in_newest[~in_newest.isin(completed[: reached[-1]])])


def looks_so_far(
    participants: pd.DataFrame, in_round: pd.DataFrame, declared: DeclaredAnalysis
) -> list[tuple[float, pd.DataFrame]]:
    """The fraction of the planned information (0-1) and the decisions seen at every look so far, the present one last.

    `in_round` are the decisions that count of one round. [] where no looks were declared or nobody completed it.
    """
    if not declared.looks_at or in_round.empty:
        return []
    completed = completed_in(participants, int(in_round["round_number"].iloc[0]))
    if not completed:
        return []
    earlier = [n for n in declared.looks_at if n < len(completed)]
    fractions = declared.fractions([*earlier, len(completed)])
    rising = [place for place, fraction in enumerate(fractions[:-1]) if fraction < fractions[-1]]
    seen = [in_round[in_round["participant_key"].isin(completed[: earlier[place]])] for place in rising]
    return [*zip([fractions[place] for place in rising], seen, strict=True), (fractions[-1], in_round)]
