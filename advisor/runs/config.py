"""Validated, frozen options of training; saved beside what they produced."""

from __future__ import annotations

from typing import Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from data.errors import TrainingError
from data.formats.yaml_text import read_yaml, yaml_problem
from data.said_wrong import instead_of_key, wrong_value


class ResponseConfig(BaseModel):
    """How ĥ is fitted. Prior spreads are standard deviations of weights on standardised inputs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    n_members: int = Field(5, ge=2, le=50, description="ensemble members; each holds out other participants")
    hidden: int = Field(16, ge=1, le=512, description="width of each member's perceptron")
    advice_prior_sd: float = Field(1.0, gt=0, description="the loosest tried; held-out participants choose")
    feature_prior_sd: float = Field(0.5, gt=0, description="likewise")
    square_prior_sd: float = Field(0.05, gt=0)
    perceptron_prior_sd: float = Field(0.05, gt=0)
    learning_rate: float = Field(0.01, gt=0)
    max_steps: int = Field(400, ge=10)
    patience_steps: int = Field(
        80, ge=10, description="stop a member when its held-out log-loss has not improved"
    )


class EncoderConfig(BaseModel):
    """How the encoder is trained through ĥ and the frozen generator. Weights multiply the loss's terms."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    n_steps: int = Field(600, ge=1)
    batch_size: int = Field(512, ge=2)
    learning_rate: float = Field(0.01, gt=0)
    weight_decay: float = Field(0.02, ge=0)
    hidden: int = Field(32, ge=1)
    decision_weight: float = Field(1.0, description="people's expected decision loss; negative is refused")
    prior_weight: float = Field(
        0.03, ge=0, description="pull towards rest of the axes that tell things beyond the risk"
    )
    reach: float = Field(
        0.9,
        gt=0,
        le=1,
        description="share of each axis's range that the advisor's faces use as a rule",
    )
    outer_share: float = Field(
        0.18, ge=0, lt=1, description="of faces, may go beyond `reach` on an axis; 0: the rest only explores"
    )
    outer_weight: float = Field(0.3, ge=0, description="of what other faces go beyond `reach`")
    looking_noise_sd: float = Field(
        0.2, ge=0, description="of one look at one axis, as people are taken to see"
    )
    n_things: int = Field(
        5, ge=0, description="things beyond the risk that faces tell, an axis each, at most"
    )
    thing_weight: float = Field(0.1, ge=0, description="of what is short of `thing_r2`, summed over things")
    thing_r2: float = Field(
        0.38, ge=0, le=1, description="R² that one look at its axis is to tell a thing with"
    )
    doubt_weight: float = Field(
        0.05, ge=0, description="of what is short of `doubt_r2`, summed over the halves"
    )
    doubt_r2: float = Field(
        0.55,
        ge=0,
        le=1,
        description="R² that one look is to tell the machine's log odds with, among the applications that it"
        " believes safe and among those that it believes risky",
    )
    doubt_tolerance: float = Field(
        0.3,
        ge=0,
        description="SD of error in log odds that is fine enough where an R² of `doubt_r2` asks for a smaller one: 0.3"
        " are 7 points of probability at a coin's toss",
    )
    strength_weight: float = Field(
        1.0, ge=0, description="of advice that is stronger than the machine is sure"
    )
    protected_weight: float = Field(
        0.1, ge=0, description="of what exceeds `protected_r2`, summed over columns"
    )
    protected_r2: float = Field(
        0.07, ge=0, le=1, description="R² that expressions may tell a protected column with, beyond the risk"
    )
    soft_target_weight: float = Field(
        1.0,
        ge=0,
        le=1,
        description="share of the target taken from the risk model, the rest from the outcome; a single outcome is"
        " mostly luck, and where defaults are rare the encoder learns them by heart",
    )
    path: Literal["distilled", "pixels"] = Field(
        "distilled",
        description="pixels: exact, through the generator; distilled: expression → percept, much faster",
    )
    checkpoint_steps: int = Field(100, ge=1)
    tracker: Literal["none", "aim", "tensorboard"] = Field(
        "none", description="also send statistics there; metrics.jsonl in the run is written always"
    )


class TrainConfig(BaseModel):
    """All options of `advisor train`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = 0
    side_information: bool = Field(
        True,
        description="leave room for what only people see (`human_only` columns); false ignores it, to compare",
    )
    response: ResponseConfig = ResponseConfig()
    encoder: EncoderConfig = EncoderConfig()


class PublishConfig(BaseModel):
    """Options of `advisor publish`, with the thresholds of its checks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = 0
    max_pool_size: int = Field(600, ge=2, description="applications in each pool, at most")
    identities_per_application: int = Field(2, ge=1)
    learning_pool_size: int = Field(
        100,
        ge=0,
        description="applications that people can learn from, of the validation split, at most; 0 = none",
    )
    explore_share: float = Field(
        0.5,
        ge=0,
        le=0.9,
        description="share of training trials with a face that explores, on average; 0 = none; needs two identities",
    )
    min_axis_r2: float = Field(
        0.9, description="FacePerception on the bundle's own faces, worst axis that varies"
    )
    max_identity_dependence: float = Field(0.05, description="share of identity explained by the application")
    min_expression_spread: float = Field(0.05, description="mean standard deviation of the axes")
    min_approval_auc: float = Field(0.5, description="ĥ's approvals against outcomes, validation split")
    min_face_gain: float = Field(
        0.0, description="by which faces help people, as ĥ expects; balanced accuracy"
    )
    max_identity_approval: float = Field(
        0.1, description="share of ĥ's approval that depends on the identity"
    )
    min_doubt_r2: float = Field(
        0.4,
        description="R² of one look against the machine's log odds, among safe and among risky applications; refused"
        " where the upper bound of its 95 % interval lies below",
    )
    min_things: int = Field(
        3,
        ge=0,
        description="things beyond the risk that one axis tells with one look, as far as there are any",
    )
    min_unseen_things: int = Field(
        0, ge=0, description="of these, columns that are not among the facts shown"
    )
    max_outer_tenth: float = Field(
        0.25, description="share of faces in the outer tenth of the worst axis's range"
    )
    max_protected_r2: float = Field(
        0.1,
        description="expressions against each protected column, beyond the risk; a proxy if it is told better",
    )
    min_calibration: float = Field(
        0.05, description="factor that calibrates the machine's log odds; 0: its features tell nothing"
    )
    min_decisions: int = Field(60, ge=2, description="that ĥ learned from; with fewer, its gains are luck")
    min_response_gain: float = Field(
        0.0, description="nats per decision on held-out participants; lower bound"
    )


ConfigT = TypeVar("ConfigT", bound=BaseModel)


def parse_config(model: type[ConfigT], settings: list[str], **fields: object) -> ConfigT:
    """Build `model` from `key=value` settings such as `encoder.n_steps=300`.

    Raises TrainingError that names the option to change.
    """
    tree: dict[str, object] = dict(fields)
    for setting in settings:
        key, separator, value = setting.partition("=")
        if not separator:
            raise TrainingError(f"The setting {setting!r} has no value; write it as `name=value`.")
        *parents, leaf = key.split(".")
        node = tree
        for parent in parents:
            inner = node.setdefault(parent, {})
            if not isinstance(inner, dict):
                raise TrainingError(f"The option {parent} is set as a whole and in part; keep one `--set`.")
            node = inner
        try:
            node[leaf] = read_yaml(value)
        except yaml.YAMLError as error:
            raise TrainingError(f"The setting {setting!r} is no value: {yaml_problem(error)}.") from error
    try:
        return model.model_validate(tree)
    except ValidationError as error:
        first = error.errors()[0]
        location = [str(part) for part in first["loc"]]
        option = ".".join(location)
        if first["type"] == "extra_forbidden":
            raise TrainingError(f"There is no option {option}; {instead_of_key(model, location)}.") from error
        raise TrainingError(
            f"The option {option} is wrong: {wrong_value(first)}; change it with `--set {option}=…`."
        ) from error
