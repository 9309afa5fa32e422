"""Measures the shipped weights on a corpus and writes their card: data, recipe, figures, limits, attribution.

No figure in a card is typed in: they are measured when it is written.
"""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from advisor.faces.corpus.blend import FaceRenderer
from advisor.faces.corpus.corpus import load_corpus, read_identities, read_manifest
from advisor.faces.corpus.identity_reader import IdentityReader, measure_shipped
from advisor.faces.corpus.photographs import People
from advisor.faces.readings import share_recognised, slopes_by_group
from advisor.faces.training.image_losses import fidelity
from advisor.faces.training.train_perception import draw_faces_at_random, r_squared, to_images
from data.errors import SetupError
from models.checkpoint import load_checkpoint
from models.expression import EXPRESSION_AXES
from models.face_generator import FaceGenerator
from models.observer import WEIGHTS_KIND as OBSERVER_KIND
from models.perception import FacePerception

N_GENERATED = 500

# What the project asks of its shipped weights.
MIN_IMAGE_SIZE, MIN_PSNR_DB, MIN_GRADIENT_ENERGY = 256, 30.0, 0.92
MAX_SLOPE_OFF, MIN_RECOGNISED = 0.1, 0.99
MIN_R2 = {"held_out": 0.95, "held_out_people": 0.75, "generated": 0.97}

ATTRIBUTION = """\
DeBruine, Lisa; Jones, Benedict (2017): Face Research Lab London Set. figshare.
https://doi.org/10.6084/m9.figshare.5047666, licensed CC-BY 4.0
(https://creativecommons.org/licenses/by/4.0/). The people pictured consented to the use of their pictures
"in lab-based and web-based studies in their original or altered forms". The weights were trained on blends
of these pictures, altered in shape and colour; the pictures themselves are not part of this project.
Landmarks were found with MediaPipe Face Mesh."""


@torch.no_grad()
def measure_generator(generator: FaceGenerator, corpus: Path) -> dict[str, float]:
    """PSNR and gradient energy on the corpus' held-out blends (see `fidelity`)."""
    held_out = load_corpus(corpus, "held_out")
    n_people = held_out.weights.shape[1]
    donors = F.one_hot(torch.from_numpy(held_out.donors), n_people).float()
    codes = torch.cat([torch.from_numpy(held_out.weights), donors], dim=1)
    expressions = torch.from_numpy(held_out.expressions)
    drawn = torch.cat(
        [
            generator.network(*(part.to(generator.device) for part in known)).float().clamp(0, 1).cpu()
            for known in zip(codes.split(20), expressions.split(20), strict=True)
        ]
    )
    pictures = F.interpolate(to_images(held_out.images), size=drawn.shape[-1], mode="area")
    return fidelity(drawn, pictures)


def measure_perception(
    perception: FacePerception, generator: FaceGenerator, corpus: Path
) -> dict[str, dict[str, float]]:
    """R² of every axis on held-out blends, on blends of held-out people, and on faces of the generator."""
    rng = np.random.default_rng(77)
    splits = {name: load_corpus(corpus, name) for name in ("held_out", "held_out_people")}
    tests = {name: (split.images, split.expressions) for name, split in splits.items()}
    tests["generated"] = draw_faces_at_random(generator, N_GENERATED, generator.image_size, rng)
    return {name: r_squared(perception, *test) for name, test in tests.items()}


def write_card(corpus: Path, weights: Path) -> Path:
    """Measure the weights in a folder on a corpus and write its `README.md`.

    Raises:
        FacesError: no corpus there.
        CheckpointError: a weights file is absent or damaged.
    """
    paths = {name: weights / f"face_{name}.safetensors" for name in ("generator", "perception")}
    generator, perception = FaceGenerator.load(paths["generator"]), FacePerception.load(paths["perception"])
    _, recipe = load_checkpoint(paths["generator"], "face generator")
    figures = measure_generator(generator, corpus)
    readings = measure_perception(perception, generator, corpus)
    apart = _measure_distances(generator, corpus)
    groups = [row["ethnicity_of_donor"] for row in json.loads((corpus / "identities.json").read_text())]
    slopes = slopes_by_group(perception, generator, groups)
    sizes = {name: path.stat().st_size / 1e6 for name, path in paths.items()}
    text = "\n\n".join(
        [
            "# The shipped weights",
            _generator_section(generator, recipe, figures, sizes["generator"]),
            _identity_section(corpus) + _distance_section(apart),
            _perception_section(readings, sizes["perception"]) + _slope_section(slopes),
            *_section_on_the_rest(weights),
            _limits_section(figures, readings),
            "## Not reached\n\n" + "\n".join(shortfalls(generator, figures, readings, apart, slopes)),
            "## Attribution\n\n" + ATTRIBUTION,
        ]
    )
    card = weights / "README.md"
    card.write_text(text + "\n")
    return card


def _generator_section(
    generator: FaceGenerator, recipe: dict, figures: dict[str, float], megabytes: float
) -> str:
    n_parameters = sum(p.numel() for p in generator.network.parameters())
    return f"""\
## face_generator.safetensors

StyleGAN2 networks of the package stylegan2-pytorch, told what to draw: {generator.image_size} pixels,
{generator.n_identities} identities, {len(generator.axes)} expression axes, {n_parameters / 1e6:.2f} million
parameters, fp16, {megabytes:.1f} MB. Shape: `{json.dumps(generator.network.shape)}`.

Made by `advisor build-corpus` (its options and seed are in the corpus' manifest) and `advisor train-faces`:

{_steps(recipe)}

| on held-out faces (blends never trained on) | |
|---|---|
| PSNR | {figures["psnr_db"]:.2f} dB |
| gradient energy against the pictures (mean absolute) | {figures["gradient_energy"]:.3f} |
| gradient energy against the pictures (mean squared) | {figures["squared_gradient_energy"]:.3f} |"""


def _steps(recipe: dict) -> str:
    """One item a stage of training, the first one first."""
    stages = [recipe]
    while stages[0].get("started_from"):
        stages.insert(0, stages[0]["started_from"])
    return "\n".join(
        f"1. {one['step']} steps with `{json.dumps(one.get('options') or {})}`" for one in stages
    )


def _identity_section(corpus: Path) -> str:
    manifest, identities = read_manifest(corpus), read_identities(corpus)
    rows = json.loads((corpus / "identities.json").read_text())
    uses = sum((one.weights > 0).astype(int) for one in identities)
    groups = Counter((row["gender"], row["ethnicity_of_donor"]) for row in rows)
    lines = "\n".join(f"| {gender} | {group} | {n} |" for (gender, group), n in sorted(groups.items()))
    n_parts = [int((one.weights > 0).sum()) for one in identities]
    return f"""\
## Who is shown

Nobody: every identity is a blend of {min(n_parts)} to {max(n_parts)} of {len(manifest["people"])} pictured people,
none above {max(float(one.weights.max()) for one in identities):.2f}; no pictured person is part of more than
{int(np.max(uses))} identities, the giver of hair, ears and neck counted.
{len(manifest["skipped"])} pictured people were left out (reasons in the corpus' manifest).

| gender | group reported by the person whose skin tone and hair it has | identities |
|---|---|---|
{lines}"""


def _measure_distances(generator: FaceGenerator, corpus: Path) -> dict[str, list[float]] | None:
    """`measure_shipped`, or None where no reader of identities is installed."""
    try:
        reader = IdentityReader()
    except SetupError:
        return None
    renderer = FaceRenderer(People.load(corpus / "people"), generator.image_size)
    return measure_shipped(generator, renderer, reader) | {
        "recognised": [share_recognised(generator, reader)]
    }


def _distance_section(apart: dict[str, list[float]] | None) -> str:
    """How far shipped faces are from the people pictured."""
    if apart is None:
        return "\n\nHow far they are from the people pictured was not measured: the extra `faces` was not installed."
    nearest, people = np.array(apart["nearest"]), np.array(apart["nearest_other"])
    between = np.array(apart["nearest_identity"])
    return f"""

For an identity reader (dlib's residual network, which had no part in training the weights but may have had one in
choosing the identities, so that other readers may find them nearer), the neutral faces of the generator
are {nearest.min():.3f} to {nearest.max():.3f} (median {np.median(nearest):.3f}) from the nearest picture of anybody,
neutral or smiling. Pictured people are {people.min():.3f} to {people.max():.3f} (median {np.median(people):.3f}) from
whoever of the others is nearest, and dlib takes two pictures for one person's below 0.6.
Identities are {between.min():.3f} to {between.max():.3f} (median {np.median(between):.3f}) from the nearest
of the other identities. The nearest other face, over all identities at six expressions each, is of the same identity
for {apart["recognised"][0]:.1%} of the faces."""


def _section_on_the_rest(weights: Path) -> list[str]:
    """On the files that only training and simulation use, with the figures that they carry themselves."""
    observer, distilled = (
        weights / f"{name}.safetensors" for name in ("simulated_observer", "distilled_percept")
    )
    if not (observer.exists() and distilled.exists()):
        return []
    _, seen = load_checkpoint(observer, OBSERVER_KIND)
    _, fitted = load_checkpoint(distilled, "distilled_percept")
    r2 = zip(EXPRESSION_AXES, fitted["r2"], strict=True)
    return [
        f"""\
## simulated_observer.safetensors, distilled_percept.safetensors

The eyes of simulated participants, trained on corpus faces alone (`advisor train-observer`, seed {seen["seed"]}).
R² on held-out corpus faces: {_by_axis(seen["r_squared_held_out"].items())}.

What FacePerception reads in a generated face, without rendering it (`advisor distil-percepts`). R² against the
rendered path: {_by_axis(r2)}."""
    ]


def _by_axis(figures: Iterable[tuple[str, float]]) -> str:
    return ", ".join(f"{axis} {value:.3f}" for axis, value in figures)


def _perception_section(readings: dict[str, dict[str, float]], megabytes: float) -> str:
    lines = "\n".join(
        f"| {axis} | " + " | ".join(f"{values[axis]:.3f}" for values in readings.values()) + " |"
        for axis in EXPRESSION_AXES
    )
    return f"""\
## face_perception.safetensors

A small convolutional network, pixels to the nine parameters, {megabytes:.1f} MB in fp16, made by
`advisor train-perception` on corpus and generated faces with noise, blur and changed light. R²:

| axis | held-out blends | blends of held-out people | generated faces |
|---|---|---|---|
{lines}"""


def _slope_section(slopes: dict[str, np.ndarray]) -> str:
    """How alike each axis is read in every group of identities."""
    lines = "\n".join(
        f"| {axis} | " + " | ".join(f"{slope[number]:.2f}" for slope in slopes.values()) + " |"
        for number, axis in enumerate(EXPRESSION_AXES)
    )
    return f"""

Slope of what is read on what was drawn, over generated faces of each group of identities at the same expressions:

| axis | {" | ".join(slopes)} |
|---|{"---|" * len(slopes)}
{lines}"""


def shortfalls(
    generator: FaceGenerator,
    figures: dict[str, float],
    readings: dict[str, dict[str, float]],
    apart: dict[str, list[float]] | None,
    slopes: dict[str, np.ndarray],
) -> list[str]:
    """What the project asks of its faces and these weights do not reach, a line each."""
    lines = []
    if generator.image_size < MIN_IMAGE_SIZE:
        lines.append(f"- {MIN_IMAGE_SIZE} pixels: these faces have {generator.image_size}.")
    for name, unit, least in (("psnr_db", " dB", MIN_PSNR_DB), ("gradient_energy", "", MIN_GRADIENT_ENERGY)):
        if figures[name] < least:
            lines.append(f"- `{name}` of at least {least}{unit}: it is {figures[name]:.2f}{unit}.")
    for split, least in MIN_R2.items():
        short = [f"{axis} {r2:.2f}" for axis, r2 in readings[split].items() if r2 < least]
        if short:
            lines.append(f"- R² of at least {least} on `{split}` faces: {', '.join(short)}.")
    every = np.stack(list(slopes.values()))
    off = np.abs(every / every.mean(0) - 1).max(0)
    uneven = [
        f"{axis} {share:.0%}"
        for axis, share in zip(EXPRESSION_AXES, off, strict=True)
        if share > MAX_SLOPE_OFF
    ]
    if uneven:
        lines.append(
            f"- No group's slope of an axis off the groups' mean by more than {MAX_SLOPE_OFF:.0%}: {', '.join(uneven)}."
        )
    if apart is not None and apart["recognised"][0] < MIN_RECOGNISED:
        lines.append(
            f"- The nearest other face of the same identity for {MIN_RECOGNISED:.0%}: {apart['recognised'][0]:.1%}."
        )
    if apart is not None:
        least = apart["least"][0]
        nearest = np.array(apart["nearest"])
        if (nearest < least).any():
            lines.append(
                f"- No identity nearer to a pictured person than {least:.3f}, the median of how far pictured people "
                f"are from their nearest other: {int((nearest < least).sum())} of {len(nearest)} are, so that every "
                "gender and group has its identities."
            )
    return lines or ["Nothing of what was measured here."]


def _limits_section(figures: dict[str, float], readings: dict[str, dict[str, float]]) -> str:
    lowest = min(readings["generated"], key=lambda axis: readings["generated"][axis])
    return f"""\
## Limits

- Faces are frontal, evenly lit, before a light background, adult, and of the groups listed above. What people
  of other cultures read in them is unknown.
- The expressions move landmarks and a few furrows by rule; they are not recordings of felt emotion.
- The figures on held-out blends are of blends never trained on, but options such as the sharpening of pictures were
  chosen by them.
- Fine detail and strong edges are not those of photographs (gradient energy {figures["gradient_energy"]:.2f} in mean
  absolute, {figures["squared_gradient_energy"]:.2f} in mean squared terms): enlarged, skin and hair look smooth or
  painted, edges have faint halos where they were sharpened, and teeth run together.
- The axis that is read least surely on generated faces is `{lowest}`
  (R² {readings["generated"][lowest]:.2f})."""
