"""Whether people can read in an advisor's faces more than a verdict: checks that publication makes of a `Readability`.

Two masks, a laugh and a frown, are refused: they tell neither how sure the machine is nor why.
"""

from __future__ import annotations

from advisor.bundles.bundle import Check
from advisor.encoder.risk_model import Calibration
from advisor.measurement.readability import LEAST_FACES, READABLE_R2, Readability
from advisor.runs.config import PublishConfig

Z_95 = 1.96
TRAIN_AGAIN = "train again with a larger {option}, or publish knowingly with `--set {threshold}=…`"


def readability_checks(
    found: Readability, calibration: Calibration | None, config: PublishConfig
) -> list[Check]:
    """Checks of doubt, things beyond the risk, full strength and protected columns; `calibration` is the machine's.

    What a task cannot have is not asked for: with few applications nothing is judged, and where the machine's columns
    hold nothing beyond the risk its faces may tell the risk alone. The checks say so.
    """
    calibrated = [] if calibration is None else [_calibration_check(calibration, config)]
    if found.n_faces < LEAST_FACES:
        return [
            *calibrated,
            Check(
                name=f"faces to judge by what people can read (fewer than {LEAST_FACES}, so it is not judged)",
                value=found.n_faces,
                threshold=0,
                at_least=True,
            ),
        ]
    return [
        *calibrated,
        *_doubt_checks(found, config),
        *_thing_checks(found, config),
        *_limits(found, config),
    ]


def _calibration_check(calibration: Calibration, config: PublishConfig) -> Check:
    return Check(
        name="factor that calibrates the machine's log odds (at 0 its features tell nothing of unseen outcomes)",
        value=calibration.scaled_by,
        threshold=config.min_calibration,
        at_least=True,
        mended_by="nothing that faces could be sure of: give the task columns that tell of its outcome",
    )


def _doubt_checks(found: Readability, config: PublishConfig) -> list[Check]:
    """Faces are a sample, so that what is near the threshold is not refused for the draw alone."""
    return [
        Check(
            name=f"how well one look tells the machine's log odds among {half} applications (R² {r2:.2f}; upper bound)",
            value=r2 + Z_95 * found.doubt_error.get(half, 0.0),
            threshold=config.min_doubt_r2,
            at_least=True,
            mended_by="the faces are masks that do not show how sure the machine is: "
            + TRAIN_AGAIN.format(option="encoder.doubt_weight", threshold="min_doubt_r2"),
        )
        for half, r2 in found.doubt_r2.items()
        if half != "all" and r2 is not None
    ]


def _thing_checks(found: Readability, config: PublishConfig) -> list[Check]:
    read = ", ".join(f"{t.column} from {t.axis} {t.r2:.2f}" for t in found.things) or "none"
    unseen = ", ".join(t.column for t in found.unseen_things) or "none"
    possible = found.n_things_possible
    name = f"things beyond the risk that one look at one axis tells with R² above {READABLE_R2:g}"
    if not possible:
        name += ", of none that the machine's columns hold: its faces can say how safe, and not why"
    return [
        Check(
            name=f"{name} ({read})",
            value=len(found.things),
            threshold=min(config.min_things, possible),
            at_least=True,
            mended_by="the faces do not tell why: "
            + TRAIN_AGAIN.format(option="encoder.thing_weight", threshold="min_things"),
        ),
        Check(
            name=f"of these, not among the facts that people see ({unseen})",
            value=len(found.unseen_things),
            threshold=config.min_unseen_things,
            at_least=True,
            mended_by="lower `min_unseen_things`, or let the machine have columns that are not shown",
        ),
    ]


def _limits(found: Readability, config: PublishConfig) -> list[Check]:
    axis, share = max(found.outer_tenth.items(), key=lambda item: item[1])
    return [
        Check(
            name=f"share of faces in the outer tenth of an axis's range, worst axis ({axis})",
            value=share,
            threshold=config.max_outer_tenth,
            at_least=False,
            mended_by="faces are at full strength for what is not certain: train again with a smaller"
            " encoder.outer_share",
        ),
        *(
            Check(
                name=f"how well expressions tell the protected column {column} beyond the risk (R²)",
                value=r2,
                threshold=config.max_protected_r2,
                at_least=False,
                mended_by=f"what the faces say beyond the risk stands in for {column}: "
                + TRAIN_AGAIN.format(option="encoder.protected_weight", threshold="max_protected_r2"),
            )
            for column, r2 in found.protected_r2.items()
            if r2 is not None
        ),
    ]
