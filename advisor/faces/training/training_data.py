"""What the generator is trained on: the shards of a corpus, and how identities are told to the network."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from torch import Tensor

from advisor.faces.corpus.corpus import Corpus, corpus_damage_named, load_corpus, read_identities
from advisor.faces.corpus.identities import Identity
from advisor.faces.corpus.landmarks import canonical_shape
from advisor.faces.corpus.photographs import People


@dataclass(frozen=True)
class TrainingData:
    """A corpus in memory, with the shape of its faces and the codes of its identities [n, 2 n_people]."""

    train: Corpus
    shipped: Corpus
    held_out: Corpus
    shape: np.ndarray
    identity_codes: Tensor

    @classmethod
    def read(cls, folder: Path, accelerator: Accelerator) -> "TrainingData":
        """Read a corpus. Raises FacesError where it is damaged or not whole."""
        identities = read_identities(folder)
        with corpus_damage_named(folder):
            people = People.load(folder / "people")
        accelerator.print(f"corpus {folder}: reading")
        return cls(
            train=load_corpus(folder, "train"),
            shipped=load_corpus(folder, "shipped"),
            held_out=load_corpus(folder, "held_out"),
            shape=canonical_shape(people.neutral, people.smiling),
            identity_codes=identity_codes(identities).to(accelerator.device),
        )

    @property
    def image_size(self) -> int:
        """Pixels a side."""
        return int(self.train.images.shape[1])


def identity_codes(identities: list[Identity]) -> Tensor:
    """Codes [n, 2 n_people] of identities, as `BlendNetwork` takes them."""
    weights = torch.from_numpy(np.stack([one.weights for one in identities]))
    donors = torch.tensor([one.donor for one in identities])
    return torch.cat([weights, F.one_hot(donors, weights.shape[1]).float()], dim=1)


def pick(corpus: Corpus, n: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """N faces drawn at random, as `take` gives them."""
    return take(corpus, rng.integers(len(corpus.images), size=n))


def take(corpus: Corpus, chosen: np.ndarray) -> tuple[np.ndarray, ...]:
    """Images, weights, donors and expressions of the chosen faces."""
    return corpus.images[chosen], corpus.weights[chosen], corpus.donors[chosen], corpus.expressions[chosen]
