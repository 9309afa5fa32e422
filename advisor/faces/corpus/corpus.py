"""Builds a corpus: any number of faces of people who do not exist, at known expression parameters.

On disk: `manifest.json`, `people/` (the pictured people on the canonical shape), `identities.json` (those
chosen for shipping), and shards `SPLIT-NNNN.npy` (RGB uint8 [n, S, S, 3]) with `SPLIT-NNNN.npz`
(`weights` float32 [n, N people], `donor` int64 [n], `expression` float32 [n, 9]). A shard follows from the
seed, its split and its number alone: an interrupted build goes on with the shards that are missing.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from zipfile import BadZipFile

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import Progress

from advisor.faces.corpus.blend import FaceRenderer
from advisor.faces.corpus.identities import Identity, IdentitySampler
from advisor.faces.corpus.photographs import People, read_people
from advisor.faces.corpus.shipped_identities import drawn_identities, given_identities
from data.errors import FacesError, SetupError
from data.formats.files import replaced_whole
from models.expression import EXPRESSION_AXES, EXPRESSION_BOUNDS, coupling_matrix, within_couplings

SPLITS = ("train", "shipped", "held_out", "held_out_people")
HELD_OUT_A_GENDER = 4

# How often an axis is on in training, in the order of EXPRESSION_AXES[1:8]. Lids and lip corners move little
# on a face and are shown more often.
SHOWN = (0.4, 0.4, 0.4, 0.4, 0.5, 0.5, 0.4)


@dataclass(frozen=True)
class Corpus:
    """One split of a corpus in memory: images uint8 [n, S, S, 3], weights, donors, expressions."""

    images: NDArray[np.uint8]
    weights: NDArray[np.float32]
    donors: NDArray[np.int64]
    expressions: NDArray[np.float32]


def draw_expression(rng: np.random.Generator) -> NDArray[np.float64]:
    """An expression [9] to train on: any smile, each action unit now and then, a slight tilt, within `COUPLINGS`."""
    low, high = np.array(EXPRESSION_BOUNDS).T
    expression = np.zeros(len(EXPRESSION_AXES))
    expression[0] = 0 if rng.random() < 0.12 else rng.uniform(low[0], high[0])
    expression[1:8] = np.where(rng.random(7) < SHOWN, rng.uniform(0, high[1:8]), 0)
    expression[8] = np.clip(rng.normal(0, 0.45), low[8], high[8])
    possible = within_couplings(torch.from_numpy(expression)[None], coupling_matrix().double())
    return possible[0].numpy()


def build_corpus(
    pictures: Path,
    out: Path,
    n_images: int = 20_000,
    image_size: int = 128,
    seed: int = 0,
    n_processes: int | None = None,
    shard_size: int = 500,
    keep_apart: bool = False,
    identities: Path | None = None,
) -> dict[str, str]:
    """Build, or finish, the corpus `out` from a folder of pictures; the people skipped, with reasons.

    Beside `n_images` for training it holds images of the identities to ship (an eighth as many), a
    shard of blends never trained on, and a shard of blends of people who are in no other split. Those
    to ship are listed in the file `identities` (as `identities.json` of a corpus is), or drawn; with `keep_apart`
    a reader of identities keeps drawn ones away from everyone pictured.

    Raises:
        FacesError: unusable pictures or identities, or `out` holds a corpus built with other options.
        SetupError: too little disk space, or no reader of identities.
    """
    if identities is not None:
        _check_given(identities, keep_apart)
    _check_space(out, n_images, image_size)
    people, skipped = read_people(pictures)
    options = {
        "image_size": image_size,
        "seed": seed,
        "shard_size": shard_size,
        "axes": list(EXPRESSION_AXES),
        "people_sha256": _fingerprint(people),
        "keep_apart": keep_apart,
        "identities_sha256": hashlib.sha256(identities.read_bytes()).hexdigest() if identities else None,
    }
    _check_same_options(out, options)
    people.save(out / "people")
    people = People.load(out / "people")
    held_out = _held_out_people(people, seed)
    if not (out / "identities.json").is_file():
        if identities:
            rows = given_identities(identities, people, held_out)
        else:
            rows = drawn_identities(FaceRenderer(people, image_size), held_out, seed, keep_apart)
        _write_json(out / "identities.json", rows)
    shards = _shard_names(n_images, shard_size)
    manifest = options | {
        "shards": shards,
        "people": people.ids,
        "held_out_people": [people.ids[n] for n in held_out],
        "skipped": skipped,
    }
    _write_json(out / "manifest.json", manifest)
    _build_shards(_missing_shards(out, shards), n_processes, (out, image_size, seed, shard_size))
    return skipped


def _check_given(identities: Path, keep_apart: bool) -> None:
    if keep_apart:
        raise FacesError(
            "--keep-apart is for identities that are drawn, and --identities gives them; leave one of both away"
        )
    if not identities.is_file():
        raise FacesError(f"there is no file {identities} of identities; leave the option away to draw them")


def _shard_names(n_images: int, shard_size: int) -> dict[str, list[str]]:
    """Split → names of its shards."""
    counts = {
        "train": n_images,
        "shipped": n_images // 8,
        "held_out": shard_size,
        "held_out_people": shard_size,
    }
    return {split: [f"{split}-{k:04d}" for k in range(-(-counts[split] // shard_size))] for split in SPLITS}


def _missing_shards(out: Path, shards: dict[str, list[str]]) -> list[str]:
    """Those that are not finished, held-out images first: training looks at them from its start."""
    missing = [name for names in shards.values() for name in names if not (out / f"{name}.npz").is_file()]
    return sorted(missing, key=lambda name: name.startswith("train"))


def _build_shards(names: list[str], n_processes: int | None, setting: tuple[Path, int, int, int]) -> None:
    n_processes = n_processes or os.cpu_count() or 1
    with Progress() as progress:
        task = progress.add_task("shards of faces", total=len(names))
        for _ in (
            _built_here(names, setting) if n_processes == 1 else _built_aside(names, n_processes, setting)
        ):
            progress.advance(task)


def _built_here(names: list[str], setting: tuple[Path, int, int, int]) -> Iterator[None]:
    worker = _make_worker(*setting) if names else None
    for name in names:
        _build_shard(name, worker)
        yield


def _built_aside(names: list[str], n_processes: int, setting: tuple[Path, int, int, int]) -> Iterator[None]:
    pool = ProcessPoolExecutor(n_processes, get_context("spawn"), initializer=_start_worker, initargs=setting)
    with pool:
        for done in as_completed([pool.submit(_build_shard, name) for name in names]):
            done.result()
            yield


def load_corpus(folder: Path, split: str) -> Corpus:
    """The shards of a split that are on disk, read into memory.

    Raises:
        FacesError: no corpus there, or no shard of this split.
    """
    with corpus_damage_named(folder):
        shards = read_manifest(folder)["shards"][split]
        names = [name for name in shards if (folder / f"{name}.npz").is_file()]
        if not names:
            raise FacesError(
                f"{folder} holds no finished part of {split!r}; run `advisor build-corpus` again"
            )
        parts = [_tables(folder / f"{name}.npz") for name in names]
        return Corpus(
            images=np.concatenate([np.load(folder / f"{name}.npy", mmap_mode="r") for name in names]),
            weights=np.concatenate([part["weights"] for part in parts]),
            donors=np.concatenate([part["donor"] for part in parts]),
            expressions=np.concatenate([part["expression"] for part in parts]),
        )


def _tables(path: Path) -> dict[str, np.ndarray]:
    # Opened here, since numpy leaves a file open that is no archive.
    with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        return dict(stored)


@contextmanager
def corpus_damage_named(folder: Path) -> Iterator[None]:
    """Turn whatever reading a corpus raises into one FacesError that names its folder."""
    try:
        yield
    except (OSError, EOFError, BadZipFile, ValueError, LookupError, TypeError, AttributeError) as error:
        raise FacesError(
            f"the corpus {folder} is damaged or not whole; build it again with `advisor build-corpus`"
        ) from error


def read_manifest(folder: Path) -> dict:
    """The manifest of a corpus; raises FacesError where there is none."""
    try:
        return json.loads((folder / "manifest.json").read_text())
    except (OSError, ValueError):
        raise FacesError(f"{folder} holds no corpus; build one with `advisor build-corpus`") from None


def read_identities(folder: Path) -> list[Identity]:
    """The identities chosen for shipping from a corpus."""
    with corpus_damage_named(folder):
        people = read_manifest(folder)["people"]
        identities = []
        for row in json.loads((folder / "identities.json").read_text()):
            weights = np.zeros(len(people), np.float32)
            for person, weight in row["weights"].items():
                weights[people.index(person)] = weight
            identities.append(Identity(weights, people.index(row["donor"])))
        return identities


def _held_out_people(people: People, seed: int) -> list[int]:
    """Up to four people of each gender whose surround is poor anyway; nobody where pictures are few."""
    rng = np.random.default_rng([seed, 99])
    held_out: list[int] = []
    for gender in sorted(set(people.genders)):
        poor = [n for n, of in enumerate(people.genders) if of == gender and people.poor_surround[n]]
        if len(poor) >= HELD_OUT_A_GENDER:
            held_out += sorted(rng.choice(poor, HELD_OUT_A_GENDER, replace=False).tolist())
    return held_out


@dataclass(frozen=True)
class _Worker:
    out: Path
    seed: int
    shard_size: int
    renderer: FaceRenderer
    samplers: dict[str, IdentitySampler]
    shipped: list[Identity]


def _start_worker(out: Path, image_size: int, seed: int, shard_size: int) -> None:
    cv2.setNumThreads(1)
    # The one global of this module: a worker process keeps its renderer from shard to shard.
    _WORKER.append(_make_worker(out, image_size, seed, shard_size))


def _make_worker(out: Path, image_size: int, seed: int, shard_size: int) -> _Worker:
    people = People.load(out / "people")
    renderer = FaceRenderer(people, image_size)
    held_out = np.array(_held_out_people(people, seed), dtype=np.int64)
    rest = np.setdiff1d(np.arange(len(people.ids)), held_out)
    common = IdentitySampler(people, renderer.skin_lab, rest)
    apart = IdentitySampler(people, renderer.skin_lab, held_out) if len(held_out) else common
    samplers = {"train": common, "held_out": common, "held_out_people": apart}
    return _Worker(out, seed, shard_size, renderer, samplers, read_identities(out))


_WORKER: list[_Worker] = []


def _build_shard(name: str, worker: _Worker | None = None) -> None:
    worker = worker or _WORKER[-1]
    split, number = name.rsplit("-", 1)
    rng = np.random.default_rng([worker.seed, SPLITS.index(split), int(number)])
    identities = list(_draw_identities(worker, split, rng))
    expressions = np.stack([draw_expression(rng) for _ in identities])
    images = np.stack([worker.renderer.render(*pair) for pair in zip(identities, expressions, strict=True)])
    _write_shard(worker.out / name, images, identities, expressions)


def _draw_identities(worker: _Worker, split: str, rng: np.random.Generator) -> Iterator[Identity]:
    for _ in range(worker.shard_size):
        if split == "shipped":
            yield worker.shipped[rng.integers(len(worker.shipped))]
        else:
            yield worker.samplers[split].draw(rng)


def _write_shard(
    path: Path, images: NDArray[np.uint8], identities: list[Identity], expressions: NDArray[np.float64]
) -> None:
    """The picture file first, the table last: a shard is there when its table is."""
    with replaced_whole(path.with_name(path.name + ".npy")) as pictures:
        np.save(pictures, images)
    with replaced_whole(path.with_name(path.name + ".npz")) as table:
        np.savez(
            table,
            weights=np.stack([one.weights for one in identities]),
            donor=np.array([one.donor for one in identities], np.int64),
            expression=expressions.astype(np.float32),
        )


def _fingerprint(people: People) -> str:
    digest = hashlib.sha256("\n".join(people.ids).encode())
    for array in (people.neutral_textures, people.smiling_textures):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _check_same_options(out: Path, options: dict) -> None:
    if not (out / "manifest.json").is_file():
        return
    before = read_manifest(out)
    changed = [name for name, value in options.items() if before.get(name) != value]
    if changed:
        raise FacesError(
            f"{out} holds a corpus built with other {' and '.join(changed)}; pass another --out or remove it"
        )


def _check_space(out: Path, n_images: int, image_size: int) -> None:
    out.mkdir(parents=True, exist_ok=True)
    needed = int(1.3 * n_images * image_size**2 * 3) + 200_000_000
    free = shutil.disk_usage(out).free
    if free < needed:
        raise SetupError(f"{out} has {free >> 20} MiB free and the corpus needs {needed >> 20}; make room")


def _write_json(path: Path, value: object) -> None:
    with replaced_whole(path) as partial:
        partial.write_text(json.dumps(value, indent=1))
