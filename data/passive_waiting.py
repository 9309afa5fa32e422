"""Threads that wait for each other sleep, so the programs leave the processor to their neighbours."""

from __future__ import annotations

import os


def wait_passively() -> None:
    """Let OpenMP's threads, torch's among them, sleep while they wait; what the user has set stays.

    By default they spin, which slows every other busy process, and themselves beside it, severalfold. Call this before
    torch is imported, since its OpenMP reads the setting as it loads; processes started later inherit it. Where only
    GOMP_SPINCOUNT is set, GNU's OpenMP lets it overrule the policy.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
