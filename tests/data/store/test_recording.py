"""Decisions written in groups: what becomes of each is what would have become of it alone."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.admission import Occupancy, ParticipantPlan
from data.records import Decision, InitialDecision
from data.store.decision_store import DecisionStore
from tests.data.store.test_decision_store import STUDY, decide, open_study, plan

N_STAGES = (1, 2, 1)  # of each participant's trials, in order


def joined(store: DecisionStore) -> str:
    """A participant with a one-stage, a two-stage and a one-stage trial."""

    def mixed(_occupancy: Occupancy) -> ParticipantPlan:
        trials = plan(n_trials=len(N_STAGES)).trials
        return ParticipantPlan(
            "face",
            [trial.model_copy(update={"n_stages": n}) for trial, n in zip(trials, N_STAGES, strict=True)],
        )

    return store.add_participant(STUDY.name, "people", mixed).participant_key


class Expected:
    """A participant's decisions by the rules, one at a time: in order, each once."""

    def __init__(self) -> None:
        self.order = [(0, "final"), (1, "initial"), (1, "final"), (2, "final")]
        self.n_made = 0

    def decide(self, position: int, stage: str) -> str:
        if (position, stage) in self.order[: self.n_made]:
            return "already"
        if self.n_made < len(self.order) and (position, stage) == self.order[self.n_made]:
            self.n_made += 1
            return "recorded"
        return "refused"


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    groups=st.lists(
        st.lists(
            st.tuples(st.integers(0, 1), st.integers(0, 2), st.sampled_from(["initial", "final"])),
            max_size=12,
        ),
        max_size=3,
    )
)
def test_a_group_fares_as_its_decisions_would_alone(
    store: DecisionStore, groups: list[list[tuple[int, int, str]]]
) -> None:
    open_study(store)
    keys = [joined(store), joined(store)]
    trials = [store.trials(key) for key in keys]
    expected = [Expected(), Expected()]
    for group in groups:
        decisions: list[Decision | InitialDecision] = []
        for person, position, stage in group:
            final = decide(trials[person][position])
            fields = final.model_dump(include=set(InitialDecision.model_fields))
            decisions.append(final if stage == "final" else InitialDecision.model_validate(fields))
        outcomes = store.record_decisions(decisions)
        assert outcomes == [expected[person].decide(position, stage) for person, position, stage in group]
    people = store.participants_frame(STUDY.name, kind="people").set_index("participant_key")
    for key, person in zip(keys, expected, strict=True):
        made = person.order[: person.n_made]
        assert people.loc[key, "n_decisions"] == sum(stage == "final" for _, stage in made)


def test_a_decision_in_anothers_name_is_refused_within_a_group(store: DecisionStore) -> None:
    open_study(store)
    first, second = joined(store), joined(store)
    own = decide(store.trials(first)[0])
    stolen = decide(store.trials(second)[0]).model_copy(update={"participant_key": first})
    unknown = own.model_copy(update={"trial_key": "made-up"})
    assert store.record_decisions([stolen, unknown, own]) == ["refused", "refused", "recorded"]
    assert store.record_decisions([]) == []


def test_tokens_name_their_participants_and_no_others(store: DecisionStore) -> None:
    open_study(store)
    keys = [joined(store), joined(store)]
    tokens = [store.start_session(key) for key in keys]
    known = store.participants_by_session([*tokens, "forged", tokens[0]])
    assert {token: participant.participant_key for token, participant in known.items()} == dict(
        zip(tokens, keys, strict=True)
    )
