"""Threads that wait for each other sleep, so the programs leave the processor to their neighbours."""

from __future__ import annotations

import os


def wait_passively() -> None:
    """Let OpenMP's threads, torch's among them, sleep while they wait; what the user has set stays.

    By default they spin, which slows every other busy process, and themselves beside it, severalfold. Call this before
    torch or NumPy is imported, since both read the settings as they load; processes started later inherit them. Where
    only GOMP_SPINCOUNT is set, GNU's OpenMP lets it overrule the policy.

    The threads of NumPy's and SciPy's OpenBLAS spin whatever is set, over regressions that one thread does as soon, so
    there is one, unless the user has said how many threads OpenBLAS or OpenMP may have.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if "OMP_NUM_THREADS" not in os.environ:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
