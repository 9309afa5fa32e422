"""Writing a bundle: whole or not at all, and never over another one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from advisor.bundles.bundle import Bundle, Manifest, content_hash, load_bundle
from advisor.bundles.outcomes_file import OUTCOMES_FILE, merge_outcomes
from advisor.bundles.similar_cases import SIMILAR_CASES_FILE, SimilarCases, similar_cases_csv
from data.errors import BundleError
from data.formats.files import replaced_whole


def refuse_existing(path: Path) -> None:
    """Raise BundleError if something stands at `path` already: bundles are immutable."""
    if path.exists():
        raise BundleError(f"{path} exists and bundles never change; choose another --out.")


def write_bundle(
    path: Path,
    manifest: Manifest,
    applications: pd.DataFrame,
    images: pd.DataFrame,
    pictures: Iterable[tuple[str, bytes]],
    outcomes: pd.Series,
    similar_cases: SimilarCases | None = None,
) -> Bundle:
    """Write a whole bundle, or nothing: it is built beside its place and moved there when complete.

    Args:
        path: the folder to make; must not exist.
        manifest: everything but `bundle_hash`, which is filled in.
        applications: index application_id; columns split ("train", "test", and "validation": to learn from) and
            score (0-1).
        images: columns application_id, condition, identity, image, image_sha256, propensity,
            source_application_id and one `e_<axis>` column an axis. `propensity` is the chance that a trial
            on the application, in that condition, shows this face; it sums to 1 over an application's faces.
            `image` and `image_sha256` are missing where a simulation dealt the face to nobody.
        pictures: (relative path as in `images`, bytes), each once.
        outcomes: 1 = repaid, indexed by application id; at least the bundle's applications.
        similar_cases: of every picture of `examples`, if these are served.

    Raises:
        BundleError: `path` exists, or outcomes.csv beside it contradicts `outcomes`.
    """
    assert list(applications.columns) == ["split", "score"], (
        f"unexpected columns {list(applications.columns)}"
    )
    refuse_existing(path)
    applications_csv = applications.rename_axis("application_id").to_csv(float_format="%.6f").encode()
    images_csv = images.to_csv(index=False, float_format="%.6f").encode()
    similar_csv = similar_cases_csv(similar_cases) if similar_cases else None
    tables = (
        (applications_csv, images_csv) if similar_csv is None else (applications_csv, images_csv, similar_csv)
    )
    manifest = manifest.model_copy(update={"bundle_hash": content_hash(manifest, *tables)})
    with replaced_whole(path) as partial:
        (partial / "images").mkdir(parents=True)
        for relative, content in pictures:
            (partial / relative).write_bytes(content)
        (partial / "applications.csv").write_bytes(applications_csv)
        (partial / "images.csv").write_bytes(images_csv)
        if similar_csv is not None:
            (partial / SIMILAR_CASES_FILE).write_bytes(similar_csv)
        (partial / "manifest.json").write_text(manifest.model_dump_json(indent=2) + "\n")
        merge_outcomes(path.parent / OUTCOMES_FILE, outcomes.loc[applications.index])
    return load_bundle(path)
