"""Files and folders: there whole or not at all, however the writing ends, and found where they were moved together."""

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


def where_moved(recorded: str | Path, beside: Path) -> Iterator[Path]:
    """Where something may be that was at `recorded` when what is now at `beside` named it: there, or moved with it.

    What moved together lies at the same place below a folder that holds both, nearest first. Whoever asks looks
    whether it is the right one.
    """
    recorded = Path(recorded)
    yield recorded
    for folder in beside.resolve().parents:
        for n_parts in range(1, len(recorded.parts)):
            yield folder.joinpath(*recorded.parts[-n_parts:])


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
