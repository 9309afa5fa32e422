"""Results of some of a study's rounds and conditions: what the filters of the analyst app leave."""

import dataclasses
from collections.abc import Collection

import pandas as pd

from human_study.analysis import contrasts, decision_statistics
from human_study.analysis.study_results import StudyResults, accuracy_by_cell


def narrowed(results: StudyResults, rounds: Collection[int], conditions: Collection[str]) -> StudyResults:
    """The results as if only these rounds and conditions had been run; corrections are over what is left.

    The same object where nothing is left out.
    """
    everywhere = [results.participants, results.all_decisions, results.accuracy]
    if all(len(_kept(frame, rounds, conditions)) == len(frame) for frame in everywhere):
        return results
    participants = _kept(results.participants, rounds, conditions)
    decisions = _kept(results.decisions, rounds, conditions)
    accuracy = _kept(results.accuracy, rounds, conditions)
    on_test = decisions[decisions["split"] == "test"]
    cells = list(zip(accuracy["round_number"].astype(int), accuracy["condition"], strict=True))
    return dataclasses.replace(
        results,
        rounds=results.rounds[results.rounds["round_number"].isin(list(rounds))].reset_index(drop=True),
        participants=participants,
        all_decisions=_kept(results.all_decisions, rounds, conditions),
        decisions=decisions,
        accuracy=accuracy_by_cell(on_test, cells, participants, results.excluded),
        contrasts=contrasts.contrasts_table(on_test),
        participant_accuracy=decision_statistics.participant_table(on_test),
        response_times=decision_statistics.response_time_table(decisions),
        reason_codes=results.reason_codes[
            results.reason_codes["trial_key"].isin(decisions["trial_key"])
        ].reset_index(drop=True),
    )


def _kept(frame: pd.DataFrame, rounds: Collection[int], conditions: Collection[str]) -> pd.DataFrame:
    wanted = frame["round_number"].isin(list(rounds)) & frame["condition"].isin(list(conditions))
    return frame[wanted].reset_index(drop=True)
