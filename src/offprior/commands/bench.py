"""`offprior bench`: the benchmarks of a checkout."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from offprior.errors import OffpriorError, choose_from

BENCHMARKS = ("training", "inference")
"""Scripts of `offprior bench`; options without a script's name are passed to the first."""


def run_benchmarks(arguments: Sequence[str]) -> None:
    """Runs the named benchmarks, or all of them, each in its own process.

    Args:
        arguments: the name of a benchmark, then its options; options alone are passed to the first benchmark.

    Raises:
        OffpriorError: the benchmark is unknown, or offprior does not run from a checkout.
        SystemExit: a benchmark failed.
    """
    given = list(arguments)
    if given and not given[0].startswith("-") and given[0] not in BENCHMARKS:
        raise OffpriorError(f"bench: unknown benchmark {given[0]!r}; {choose_from(given[0], BENCHMARKS)}")
    scripts = [given.pop(0)] if given and given[0] in BENCHMARKS else list(BENCHMARKS[: 1 if given else None])
    folders = [Path(__file__).parents[3] / "bench", Path("bench")]
    found = next((folder for folder in folders if (folder / "training.py").is_file()), None)
    if found is None:
        raise OffpriorError("bench: needs a checkout of offprior, with its folder bench/; run the command there")
    for script in scripts:
        code = subprocess.run([sys.executable, str(found / f"{script}.py"), *given], check=False).returncode
        if code:
            raise SystemExit(code)
