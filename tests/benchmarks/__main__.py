"""Run all benchmarks, or those named: `python -m tests.benchmarks [NAME …]`. Figures are ratios of one run."""

import importlib
import sys
from pathlib import Path


def main(names: list[str]) -> None:
    """Run each bench_NAME.py of this folder."""
    found = sorted(path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py"))
    unknown = sorted(set(names) - set(found))
    if unknown:
        sys.exit(f"There is no benchmark {', '.join(unknown)}; choose from {', '.join(found)}.")
    for name in names or found:
        print(f"== {name}", flush=True)
        importlib.import_module(f"tests.benchmarks.bench_{name}").main()


if __name__ == "__main__":
    main(sys.argv[1:])
