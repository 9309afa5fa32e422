"""How much longer drawing takes beside other work: a busy process, and a second command that draws as well.

Run: python -m tests.benchmarks.bench_neighbours, on an otherwise idle machine. Every command is `advisor faces` in a
process of its own, loading included; figures are ratios within this one run.
"""

import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

N_IDENTITIES = 6
REPEATS = 3
PROGRAM = "from advisor.cli import main; main()"
BUSY = "while True: sum(range(10_000))"


def main() -> None:
    """Print the figures of this machine: the fastest of some repeats each."""
    alone = min(_seconds(1) for _ in range(REPEATS))
    beside = min(_beside_a_busy_process() for _ in range(REPEATS))
    together = min(_seconds(2) for _ in range(REPEATS))
    print(f"drawing {N_IDENTITIES} identities at every axis, alone {alone:6.1f} s")
    print(f"  beside one busy process         {beside:6.1f} s   {beside / alone:5.2f} x")
    print(f"  two such commands side by side  {together:6.1f} s   {together / alone:5.2f} x")


def _beside_a_busy_process() -> float:
    busy = subprocess.Popen([sys.executable, "-c", BUSY])
    try:
        return _seconds(1)
    finally:
        busy.kill()
        busy.wait()


def _seconds(n_commands: int) -> float:
    """Until all of some commands, begun together, have drawn their faces."""
    with ExitStack() as folders:
        outs = [
            Path(folders.enter_context(tempfile.TemporaryDirectory())) / "faces" for _ in range(n_commands)
        ]
        start = time.perf_counter()
        commands = [
            subprocess.Popen(
                [
                    sys.executable,
                    "-c",
                    PROGRAM,
                    "faces",
                    "--identities",
                    str(N_IDENTITIES),
                    "--out",
                    str(out),
                ],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for out in outs
        ]
        failed = [command.wait() for command in commands]
        assert not any(failed), f"advisor faces ended with {failed}"
        return time.perf_counter() - start


if __name__ == "__main__":
    main()
