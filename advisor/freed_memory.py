"""Memory that tensors free serves the next ones."""

from __future__ import annotations

import ctypes
import sys

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3  # of glibc's malloc.h
LARGEST_INT = 2**31 - 1
LARGEST_KEPT_BYTES = 32 * 2**20  # as much as glibc allows


def keep_freed_memory() -> None:
    """Have the C library keep what large tensors free, rather than hand it back to the system every time.

    By default glibc maps every tensor of some megabytes anew, and the system clears all of its pages: much of the
    time of drawing faces and of fitting ĥ on a CPU. Larger blocks, such as whole tables, are still handed back. On
    other C libraries nothing changes.
    """
    if sys.platform != "linux" or not hasattr(libc := ctypes.CDLL(None), "mallopt"):
        return
    libc.mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT_BYTES)
    libc.mallopt(M_TRIM_THRESHOLD, LARGEST_INT)
    libc.mallopt(M_TOP_PAD, LARGEST_KEPT_BYTES)
