"""Memory that large tensors free is used again."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

LOOP = """
import resource
import torch
from advisor.freed_memory import keep_freed_memory

def page_faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(50):
        torch.ones(4 * 2**20)  # 16 MiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

torch.set_num_threads(1)
cleared = page_faults()
keep_freed_memory()
page_faults()
print(cleared, page_faults())
"""


@pytest.mark.server
@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="only glibc can be told")
def test_pages_of_freed_tensors_are_not_cleared_anew() -> None:
    """By default every large tensor's pages come from the system; afterwards hardly any do."""
    done = subprocess.run([sys.executable, "-c", LOOP], capture_output=True, text=True, check=True)
    cleared, kept = map(int, done.stdout.split())
    assert kept < cleared / 20, f"{kept} page faults after, {cleared} before"
