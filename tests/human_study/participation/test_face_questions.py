"""What is asked about faces: on the right trials, of faces that can tell, and kept like any other answer."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from data.errors import StudyError
from data.records import FACE_SURENESS, Trial
from data.store.decision_store import DecisionStore
from data.store.erasure_key import KEY_VARIABLE
from human_study.participation.running_study import RunningStudy
from human_study.study.study_file import load_study_file
from tests.human_study.participants.test_trial_player import Visitor, client, message, played
from tests.support.tiny_study import write_study

__all__ = ["client"]  # a fixture

LEARNED = {"trained_on": "simulated", "conditions": {"face": 1, "shuffled": 1, "none": 1}}
ASKED = {"trials": 4, "columns": ["debt"]}


def opened(folder: Path, store: DecisionStore, **changes: Any) -> RunningStudy:
    running = RunningStudy(load_study_file(write_study(folder, **{**LEARNED, **changes})), store)
    running.prepare()
    return running


@pytest.fixture
def live(tmp_path: Path, store: DecisionStore) -> RunningStudy:
    """A study that asks on every main trial, in one condition; on both kinds of database."""
    trials = {"main": 4, "repeated": 1, "confidence_points": 5}
    return opened(
        tmp_path,
        store,
        conditions={"face": 1},
        trials=trials,
        perception_questions=ASKED,
        pairs={"number": 4},
    )


def drawn(running: RunningStudy, condition: str, slot: int) -> list[Trial]:
    served = running.bundles.served(running.store.newest_round("tiny_study").bundle_hash)
    return running.bundles.drawn(served, condition, slot, running.participations._rng)  # type: ignore[arg-type]


def asked_of(trials: list[Trial]) -> dict[str, str]:
    return {t.application_id: t.perception_question for t in trials if t.perception_question}


def test_main_trials_with_a_face_ask_alike_in_every_condition_and_equally_often(
    tmp_path: Path, store: DecisionStore
) -> None:
    trials = {"main": 10, "repeated": 3, "attention": 1, "practice": 1}
    running = opened(tmp_path, store, trials=trials, perception_questions={**ASKED, "trials": 5})
    met: Counter[str] = Counter()
    for slot in range(8):
        faces = drawn(running, "face", slot)
        assert len(asked_of(faces)) == 5
        assert {t.kind for t in faces if t.perception_question} == {"main"}
        assert asked_of(faces) == asked_of(drawn(running, "shuffled", slot))
        assert asked_of(drawn(running, "none", slot)) == {}
        met.update(asked_of(faces).values())
    assert met == {"debt": 20, FACE_SURENESS: 20}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"perception_questions": {"trials": 2, "columns": ["dept"]}},
            "dept, which is no column of tiny_loans; did",
        ),
        (
            {"perception_questions": {"trials": 2, "columns": ["amount"]}},
            "amount, which stands among the facts",
        ),
        (
            {"perception_questions": {"trials": 2, "columns": ["term"]}},
            "term, which is no feature with higher",
        ),
        ({"perception_questions": {"trials": 2, "columns": ["age"]}}, "age, which is no feature with higher"),
        ({"perception_questions": ASKED, "trained_on": "nothing"}, "is exploratory"),
        (
            {"perception_questions": ASKED, "conditions": {"risk_to_smile": 1}},
            "no face of risk_to_smile tells",
        ),
        ({"perception_questions": ASKED, "conditions": {"none": 1}}, "no condition shows one"),
        ({"perception_questions": {"trials": 11}}, "there are 10 main trials"),
        ({"perception_questions": {"trials": 2, "sureness": False}}, "asks nothing"),
        ({"pairs": {"axes": ["smlie"]}}, "smlie, which is no axis; did you mean smile"),
        ({"pairs": {"number": 3}, "trained_on": "nothing"}, "none moves in the faces"),
    ],
)
def test_what_faces_cannot_be_asked_is_refused_in_one_sentence(
    tmp_path: Path, store: DecisionStore, changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(StudyError, match=sentence) as refused:
        opened(tmp_path, store, **changes)
    assert "\n" not in str(refused.value)


def test_a_column_that_the_faces_do_not_tell_is_refused(tmp_path: Path, store: DecisionStore) -> None:
    path = write_study(tmp_path, **LEARNED, perception_questions=ASKED)
    table = tmp_path / "task" / "loans.csv"
    lines = table.read_text().splitlines()
    told = [line.split(",")[4] for line in lines[1:]]
    dealt = [
        ",".join([*line.split(",")[:4], debt, *line.split(",")[5:]])
        for line, debt in zip(lines[1:], told[::-1], strict=True)
    ]
    running = RunningStudy(load_study_file(path), store)
    running.bundles.applications.frame["debt"] = [float(line.split(",")[4]) for line in dealt]
    with pytest.raises(StudyError, match="do not tell"):
        running.prepare()


def answered(trial: dict[str, Any], **answer: Any) -> dict[str, Any]:
    kept = {"confidence": 0.5, "followup_time_ms": 10.0, "perceived": None, "perceived_time_ms": None}
    return message(trial["key"], **{**kept, **answer})


def test_the_answer_is_asked_for_checked_and_stored(live: RunningStudy, client: TestClient) -> None:
    visitor = Visitor(live)
    given = {}
    while left := played(live, visitor):
        (trial, *_) = left
        asked = trial["perception"]
        if asked is None:  # a repeated trial
            response = client.post("/api/decisions", json=answered(trial), headers=visitor.headers)
            assert response.status_code == 200
            continue
        right = asked["options"][0][0]
        wrong = "3" if right == "higher" else "higher"
        for answer in ({}, {"perceived": right}, {"perceived": wrong, "perceived_time_ms": 900.0}):
            sent = answered(trial, **answer)
            response = client.post("/api/decisions", json=sent, headers=visitor.headers)
            assert response.status_code == 400, answer
        sent = answered(trial, perceived=right, perceived_time_ms=900.0)
        assert client.post("/api/decisions", json=sent, headers=visitor.headers).status_code == 200
        given[trial["key"]] = right
    frame = live.store.decisions_frame("tiny_study", kind="simulated").set_index("trial_key")
    assert frame["perceived"].dropna().to_dict() == given
    assert Counter(frame["perception_question"].dropna()) == {"debt": 2, FACE_SURENESS: 2}
    assert set(frame.loc[list(given), "perceived_time_ms"]) == {900.0}


def test_pairs_are_judged_once_in_their_step_and_are_erased_with_the_person(
    live: RunningStudy, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "a long random text, as the erasure of people needs one")
    visitor = Visitor(live)
    judgement = {"position": 0, "choice": "left", "response_time_ms": 800.0}
    assert client.post("/api/pair-judgements", json=judgement, headers=visitor.headers).status_code == 409
    live.store.set_step(visitor.key, "pairs")
    participant = live.store.participant(visitor.key)
    pairs = live.pairs.to_judge(participant)
    assert [pair.position for pair in pairs] == [0, 1, 2, 3]
    assert pairs == live.pairs.to_judge(participant)  # the same after a reload
    assert Counter(pair.axis for pair in pairs) == {"smile": 2, "inner_brow_raise": 2}
    identity_of = live.bundles.served(participant.bundle_hash).bundle.images.set_index("image")["identity"]
    for pair in pairs:
        assert identity_of[pair.left_image] == identity_of[pair.right_image]
        assert abs(pair.left_value - pair.right_value) > 0.05
    shown = client.get("/pairs/0/left", headers=visitor.headers)
    assert shown.content == live.bundles.served(participant.bundle_hash).bundle.image_bytes(
        pairs[0].left_image
    )
    assert client.get("/pairs/9/left", headers=visitor.headers).status_code == 404
    for sent in (judgement, {**judgement, "choice": "right"}, {**judgement, "position": 3}):
        assert client.post("/api/pair-judgements", json=sent, headers=visitor.headers).status_code == 200
    assert (
        client.post(
            "/api/pair-judgements", json={**judgement, "choice": "both"}, headers=visitor.headers
        ).status_code
        == 400
    )
    assert [pair.position for pair in live.pairs.to_judge(participant)] == [1, 2]
    stored = live.store.pair_judgements_frame("tiny_study", kind="simulated")
    assert stored["choice"].tolist() == ["left", "left"]
    live.store.erase("tiny_study", participant_key=visitor.key)
    assert live.store.pair_judgements_frame("tiny_study", kind="simulated").empty
