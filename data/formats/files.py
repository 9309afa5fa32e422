"""Files and folders that are there whole or not at all, however the writing ends."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replaced_whole(path: Path) -> Iterator[Path]:
    """Where to write what shall stand at `path`, a file or a folder: it goes there when the block is done.

    It is beside its place and keeps the suffix, which some writers go by. Where the block fails, it is removed and
    `path` is as before; what a killed process left is removed by the next one.
    """
    partial = path.with_name(f"{path.name}.partial{path.suffix}")
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove(partial)
    try:
        yield partial
        if partial.is_dir():
            _remove(path)
        partial.replace(path)
    except BaseException:
        _remove(partial)
        raise


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
