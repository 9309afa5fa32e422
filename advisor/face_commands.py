"""Subcommands of `advisor` that make faces: corpus, generator, perception, sheets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from advisor.command_options import DeviceOption, FaceSettings, OutOption, SeedOption, compute_on
from advisor.runs.config import parse_config

commands = typer.Typer()

CorpusArgument = Annotated[Path, typer.Argument(help="folder that `advisor build-corpus` made")]
RunOption = Annotated[
    Path, typer.Option("--out", help="folder of the run; run again to resume an interrupted one")
]


@commands.command(epilog="Example: advisor faces --identities 6 --out var/faces")
def faces(
    out: OutOption,
    identities: Annotated[int, typer.Option(min=1, help="how many identities")] = 6,
    weights: Annotated[Path | None, typer.Option(help="weights other than the shipped ones")] = None,
    device: DeviceOption = None,
) -> None:
    """Draw a PNG per identity, axis and value, with a manifest, a contact sheet and a sheet of extreme expressions."""
    compute_on(device)
    from advisor.faces.draw import draw_faces
    from models.face_generator import FaceGenerator

    n_faces = draw_faces(identities, out, FaceGenerator.load(weights))
    print(f"{out}: {n_faces} faces, manifest.csv, contact_sheet.png, extremes.png")


@commands.command(epilog="Example: advisor build-corpus pictures --images 20000 --out var/corpus")
def build_corpus(
    pictures: Annotated[Path, typer.Argument(help="folder of neutral and smiling pictures with landmarks")],
    out: Annotated[
        Path, typer.Option("--out", help="folder of the corpus; run again to resume an interrupted build")
    ],
    images: Annotated[int, typer.Option(min=1, help="training images")] = 20_000,
    size: Annotated[int, typer.Option(help="pixels, width and height")] = 128,
    seed: SeedOption = 0,
    keep_apart: Annotated[
        bool,
        typer.Option(
            "--keep-apart",
            help="keep drawn identities distant from everyone pictured; needs the extra `faces`",
        ),
    ] = False,
    identities: Annotated[
        Path | None, typer.Option(help="file of the identities to ship, instead of drawing them")
    ] = None,
) -> None:
    """Draw faces of people who do not exist, at known expressions, from pictures of people."""
    from advisor.faces.corpus.corpus import build_corpus as build

    skipped = build(pictures, out, images, size, seed, keep_apart=keep_apart, identities=identities)
    for name, reason in skipped.items():
        print(f"skipped {name}: {reason}")
    print(f"{out}: {images} images, {len(skipped)} pictured people skipped")


@commands.command(epilog="Example: advisor train-faces var/corpus --out var/runs/faces --set n_steps=8000")
def train_faces(
    corpus: CorpusArgument,
    out: RunOption,
    initial: Annotated[
        Path | None, typer.Option(help="checkpoint of another run, or weights, to start from")
    ] = None,
    plain: Annotated[
        bool, typer.Option("--plain", help="learn from any folder of pictures, without expressions")
    ] = False,
    settings: FaceSettings = None,
    device: DeviceOption = None,
) -> None:
    """Train a generator on a corpus, or with --plain on a folder of pictures; use torchrun for several processes."""
    compute_on(device)
    from advisor.faces.training.train_generator import FaceTrainingOptions
    from advisor.faces.training.train_generator import train_faces as train
    from advisor.faces.training.train_plain import PlainTrainingOptions, train_plain

    if plain:
        skipped = train_plain(corpus, out, parse_config(PlainTrainingOptions, settings or []))
        for name, reason in skipped.items():
            print(f"skipped {name}: {reason}")
        print(f"{out}: {len(skipped)} pictures skipped; `advisor adopt-faces` finds what can be read in it")
        return
    print(train(corpus, out, parse_config(FaceTrainingOptions, settings or []), initial))


@commands.command(epilog="Example: advisor train-perception var/corpus --out var/runs/perception")
def train_perception(
    corpus: CorpusArgument,
    out: RunOption,
    generator: Annotated[
        Path | None, typer.Option(help="generator's weights other than the shipped ones")
    ] = None,
    settings: FaceSettings = None,
    device: DeviceOption = None,
) -> None:
    """Train FacePerception on corpus faces and on a generator's."""
    compute_on(device)
    from advisor.faces.training.train_perception import PerceptionTrainingOptions
    from advisor.faces.training.train_perception import train_perception as train
    from models.face_generator import FaceGenerator

    options = parse_config(PerceptionTrainingOptions, settings or [])
    print(train(corpus, FaceGenerator.load(generator), out, options))


@commands.command(epilog="Example: advisor adopt-faces model_150.pt --out var/my_faces")
def adopt_faces(
    checkpoint: Annotated[
        Path, typer.Argument(help="model_N.pt of stylegan2-pytorch, or the checkpoint of a --plain run")
    ],
    out: Annotated[Path, typer.Option("--out", help="folder to write face_generator.safetensors to")],
    identities: Annotated[int, typer.Option(min=1, help="how many identities to draw")] = 24,
    samples: Annotated[int, typer.Option(min=100, help="faces to read in looking for expressions")] = 2000,
    seed: SeedOption = 0,
    device: DeviceOption = None,
) -> None:
    """Make a generator of a StyleGAN2 trained elsewhere: find the directions that change expressions.

    COUNTENANCE_WEIGHTS=FOLDER makes every command use it."""
    compute_on(device)
    from advisor.drawing.rendering import USABLE_AXIS_R2
    from advisor.faces.training.adopt import adopt_generator

    readable = adopt_generator(checkpoint, out / "face_generator.safetensors", identities, samples, seed)
    for axis, r_squared in readable.items():
        print(f"{axis}: R² {r_squared:.2f}")
    unread = [axis for axis, r_squared in readable.items() if r_squared < USABLE_AXIS_R2]
    if len(unread) == len(readable):
        print(
            f"{out}: no expression can be read in these faces; train the generator longer before you use it"
        )
    elif unread:
        print(
            f"{out}: COUNTENANCE_WEIGHTS={out} makes every command use it; {', '.join(unread)} cannot be read in "
            "these faces"
        )
    else:
        print(f"{out}: use it with COUNTENANCE_WEIGHTS={out}")


@commands.command(
    epilog="Example: advisor train-observer var/corpus --out var/simulated_observer.safetensors"
)
def train_observer(
    corpus: CorpusArgument,
    out: Annotated[Path, typer.Option("--out", help="weights file to write")],
    seed: SeedOption = 1,
    device: DeviceOption = None,
) -> None:
    """Train the eyes of simulated participants, separately from FacePerception."""
    compute_on(device)
    from advisor.faces.training.train_observer import train_observer as train

    print(train(corpus, out, seed=seed))


@commands.command(
    epilog="Example: advisor distil-percepts --out models/weights/distilled_percept.safetensors"
)
def distil_percepts(
    out: Annotated[Path, typer.Option("--out", help="weights file to write")],
    samples: Annotated[int, typer.Option(min=100, help="faces to render and read")] = 6000,
    device: DeviceOption = None,
) -> None:
    """Fit the fast path from expressions to percepts to the shipped generator and perception."""
    compute_on(device)
    from rich.progress import Progress

    from advisor.encoder.distillation import save_distilled

    with Progress() as bars:
        task = bars.add_task("rendering and reading", total=samples)
        print(save_distilled(out, samples, lambda n: bars.advance(task, n)))
