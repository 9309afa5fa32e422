"""Which applications and identities a slot of a condition meets, so that all are met equally often.

The pools of a bundle are dealt like cards: every stratum (split and outcome) is shuffled once a pass, and each
slot takes the next ones. The shuffling follows from the bundle and the study alone, so the same slot meets the
same applications in every condition (matched sets), and a slot that somebody left is given again unchanged.
"""

from __future__ import annotations

import hashlib
import math

import numpy as np

from advisor.bundles.bundle import Bundle
from data.errors import BundleError

_SPLITS = ("train", "test", "validation")
_GOLDEN_RATIO = (math.sqrt(5) - 1) / 2
Dealt = tuple[str, int]  # application id, and the pass in which it was dealt


class Dealer:
    """Deals the applications of one bundle to the slots of one study."""

    def __init__(self, bundle: Bundle, outcomes: dict[str, int], study_hash: str) -> None:
        """`outcomes`: application id → 0 or 1."""
        self._seed = int(hashlib.sha256(f"{bundle.bundle_hash} {study_hash}".encode()).hexdigest()[:16], 16)
        self._pools: dict[tuple[str, int], list[str]] = {}
        for application_id, split in bundle.applications["split"].items():
            self._pools.setdefault((str(split), outcomes[str(application_id)]), []).append(
                str(application_id)
            )
        self._passes: dict[tuple[str, int, int], list[str]] = {}

    def deal(self, split: str, n_trials: int, slot: int) -> list[Dealt]:
        """The `n_trials` applications of a split that a slot meets, half of either outcome.

        Of an odd number, neighbouring slots take turns in which outcome comes once more. No application comes
        twice. Raises BundleError where the split has too few of either outcome for that.
        """
        dealt: list[Dealt] = []
        for outcome in (0, 1):
            extra = n_trials % 2
            n_here = n_trials // 2 + (extra if slot % 2 == outcome else 0)
            n_before = slot * (n_trials // 2) + extra * ((slot + 1 - outcome) // 2)
            dealt += self._take(split, outcome, n_before, n_here)
        return dealt

    def face(self, application_id: str, pass_number: int, chances: np.ndarray) -> int:
        """Which of an application's faces a pass shows, so that over passes each has its share of the turns.

        `chances` [n faces] are their probabilities. The first pass starts anywhere, each later one a golden
        ratio further (Weyl's sequence), so a pass alone shows a face with just its probability.
        """
        digest = hashlib.sha256(f"{self._seed} {application_id}".encode()).digest()
        start = int.from_bytes(digest[:6], "big") / 2**48
        turn = (start + pass_number * _GOLDEN_RATIO) % 1.0
        return min(int(np.searchsorted(np.cumsum(chances), turn, side="right")), len(chances) - 1)

    def rng(self, slot: int) -> np.random.Generator:
        """Draws what a slot is asked about faces, the same in every condition and after a reload."""
        return np.random.default_rng([self._seed, len(_SPLITS), slot])

    def _take(self, split: str, outcome: int, first: int, n: int) -> list[Dealt]:
        pool_size = len(self._pools.get((split, outcome), []))
        if n > pool_size:
            raise BundleError(
                f"{n} {split} trials of one outcome are asked for, but the bundle has {pool_size} such"
                " applications; ask for fewer trials."
            )
        dealt: dict[str, int] = {}
        at = first
        while len(dealt) < n:
            pass_number, place = divmod(at, pool_size)
            dealt.setdefault(self._shuffled(split, outcome, pass_number)[place], pass_number)
            at += 1
        return list(dealt.items())

    def _shuffled(self, split: str, outcome: int, pass_number: int) -> list[str]:
        key = (split, outcome, pass_number)
        if key not in self._passes:
            pool = self._pools[split, outcome]
            rng = np.random.default_rng([self._seed, _SPLITS.index(split), outcome, pass_number])
            order = [pool[k] for k in rng.permutation(len(pool))]
            if pass_number:
                # A slot may take the end of one pass and the beginning of the next: what came last comes late.
                recent = set(self._shuffled(split, outcome, pass_number - 1)[len(pool) // 2 :])
                order.sort(key=lambda application_id: application_id in recent)
            self._passes[key] = order
        return self._passes[key]
