"""Simulated studies in which people and applications differ and nothing is to be found, and what is true in them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import norm

SKILL, PERSON_SD, MACHINE = 0.6, 0.5, 0.65
SWITCH, SWITCH_SD = (
    -0.5,
    0.5,
)  # log odds of going over to advice that disagrees; spread over people and applications
SURE, SURER_IF_RIGHT = 0.3, 0.8  # of stated confidence, in standard deviations of what varies within a person


@dataclass(frozen=True)
class Design:
    """People in the first and the second condition, trials each, pool, and how applications differ.

    `item_sd` is the spread of an application's difficulty (log odds), `same` the correlation of its difficulty
    between conditions: 1 where advice helps alike on all.
    """

    people: tuple[int, int]
    trials: int
    pool: int
    item_sd: float
    same: float

    def study(self, rng: np.random.Generator) -> pd.DataFrame:
        """Decisions of one study without a difference between conditions; half of the pool has either outcome."""
        shared, own = rng.normal(0, self.item_sd, (2, self.pool, 2))
        difficulty = np.sqrt(self.same) * shared[:, [0]] + np.sqrt(1 - self.same) * own
        outcome = np.arange(self.pool) % 2
        items, odds = [], []
        for condition, n in enumerate(self.people):
            skill, bias = rng.normal([[SKILL], [0.0]], PERSON_SD, (2, n))
            halves = [
                np.flatnonzero(outcome == k)[
                    rng.random((n, self.pool // 2)).argpartition(self.trials // 2 - 1, 1)[
                        :, : self.trials // 2
                    ]
                ]
                for k in (0, 1)
            ]
            items.append(np.hstack(halves))
            sign = 2 * outcome[items[-1]] - 1
            odds.append(skill[:, None] + bias[:, None] * sign + difficulty[items[-1], condition])
        met = np.vstack(items).ravel()
        correct = rng.random(len(met)) < expit(np.vstack(odds).ravel())
        person = np.repeat(np.arange(sum(self.people)), self.trials)
        columns = {
            "participant_key": person,
            "application_id": met,
            "condition": np.where(person < self.people[0], "face", "none").astype(object),
            "outcome": outcome[met],
            "approved": (correct == (outcome[met] == 1)).astype(int),
        }
        return pd.DataFrame(columns)

    def accuracy(self) -> float:
        """What people reach over all people and applications."""
        return mean_of_logistic(SKILL, np.sqrt(2 * PERSON_SD**2 + self.item_sd**2))

    def words(self) -> str:
        """As the table names it."""
        people = " v ".join(str(n) for n in self.people)
        return f"{people} x {self.trials}, {self.pool}; {self.item_sd:g}, {self.same:g}"

    def spread_over_people(self) -> float:
        """The standard deviation over people of what each reaches over all applications, by quadrature."""
        at, weight = np.polynomial.hermite_e.hermegauss(40)
        weight = weight / weight.sum()

        def over_applications(odds: np.ndarray) -> np.ndarray:
            return np.asarray(expit(odds[..., None] + self.item_sd * at) @ weight)

        skill, bias = SKILL + PERSON_SD * at[:, None], PERSON_SD * at
        reached = (over_applications(skill + bias) + over_applications(skill - bias)) / 2
        of_both = np.outer(weight, weight)
        return float(np.sqrt((of_both * reached**2).sum() - (of_both * reached).sum() ** 2))


def in_two_stages(design: Design, rng: np.random.Generator) -> pd.DataFrame:
    """First answers of people, and final ones after advice of a machine that is right on MACHINE of the applications.

    Advice that disagrees is followed with a chance that differs over people and applications.
    """
    made = design.study(rng)
    made = made[made["condition"] == "face"].reset_index(drop=True)
    right = rng.random(design.pool) < MACHINE
    advised = np.where(right[made["application_id"]], made["outcome"], 1 - made["outcome"])
    odds = SWITCH + rng.normal(0, SWITCH_SD, design.people[0])[made["participant_key"]]
    odds += rng.normal(0, SWITCH_SD, design.pool)[made["application_id"]]
    follows = rng.random(len(made)) < expit(odds)
    final = np.where(follows, advised, made["approved"])
    return made.assign(initial_approved=made["approved"], approved=final, advice=advised.astype(float))


def share_that_follows() -> float:
    """How often people go over to advice that disagrees, over all people and applications."""
    return mean_of_logistic(SWITCH, np.sqrt(2) * SWITCH_SD)


def with_confidence(design: Design, rng: np.random.Generator) -> pd.DataFrame:
    """Decisions with a stated confidence (0-1) that knows a little of what is right, alike in both conditions."""
    made = design.study(rng)
    right = (made["approved"] == made["outcome"]).to_numpy()
    second = (made["condition"] == "none").to_numpy().astype(int)
    latent = SURE + rng.normal(0, PERSON_SD, made["participant_key"].max() + 1)[made["participant_key"]]
    latent += rng.normal(0, design.item_sd, (design.pool, 2))[made["application_id"], second]
    latent += SURER_IF_RIGHT * right + rng.normal(0, 1, len(made))
    return made.assign(confidence=expit(latent))


def confidence_of(design: Design) -> tuple[float, float]:
    """In such studies, the mean of stated confidence (0-1), and the area under each person's type-2 ROC curve."""
    within = np.sqrt(design.item_sd**2 + 1)
    spread = np.sqrt(within**2 + PERSON_SD**2)
    of_right, of_wrong = (mean_of_logistic(SURE + more, spread) for more in (SURER_IF_RIGHT, 0.0))
    accuracy = design.accuracy()
    return accuracy * of_right + (1 - accuracy) * of_wrong, float(
        norm.cdf(SURER_IF_RIGHT / (within * np.sqrt(2)))
    )


def with_response_times(design: Design, rng: np.random.Generator) -> pd.DataFrame:
    """Decisions with the logarithm of a response time, to which people and applications contribute."""
    made = design.study(rng)
    second = (made["condition"] == "none").to_numpy().astype(int)
    log_time = 8 + rng.normal(0, 0.4, made["participant_key"].max() + 1)[made["participant_key"]]
    log_time += 0.3 * rng.normal(0, design.item_sd, (design.pool, 2))[made["application_id"], second]
    return made.assign(log_time=log_time + rng.normal(0, 0.5, len(made)))


def follow_a_machine(design: Design, rng: np.random.Generator, follows: float) -> pd.DataFrame:
    """Decisions without an effect of the face, but that it follows a machine, wrong on a third, with that chance."""
    made = design.study(rng).assign(round_number=0)
    machine_wrong = made["application_id"].map(pd.Series(rng.random(design.pool) < 1 / 3))
    advised = np.where(machine_wrong, 1 - made["outcome"], made["outcome"])
    heeds = (made["condition"] == "face") & (rng.random(len(made)) < follows)
    return made.assign(
        machine_score=np.where(advised == 1, 0.8, 0.2), approved=np.where(heeds, advised, made["approved"])
    )


def mean_of_logistic(mean: float, sd: float) -> float:
    """The mean of a logistic function of a normal variable, by quadrature."""
    at, weight = np.polynomial.hermite_e.hermegauss(60)
    return float((weight * expit(mean + sd * at)).sum() / weight.sum())
