"""The command line; jax and the parts are imported only by the commands that need them, never for help."""

import errno
import sys
import warnings

from cyclopts import CycloptsError

from offprior.cli import parts, predictors, runs
from offprior.cli.options import app
from offprior.console.output import one_line, survive
from offprior.errors import OffpriorError

__all__ = ["app", "main", "parts", "predictors", "runs"]

RESUMED = ("run", "pretrain")
"""Commands that take --resume."""


def main(arguments: list[str] | None = None) -> int:
    """Runs a command and returns the exit code: 2 for an error that the user can fix, 130 for an interruption."""
    survive(sys.stdout, sys.stderr)
    with warnings.catch_warnings():
        warnings.showwarning = one_line
        return _main(arguments)


def _main(arguments: list[str] | None) -> int:
    try:
        app(arguments, exit_on_error=False, print_error=False, result_action="return_none")
    except CycloptsError as error:
        return _fail(f"offprior: {' '.join(str(error).split())} (offprior --help)")
    except OffpriorError as error:
        return _fail(str(error))
    except KeyboardInterrupt as interruption:
        given = sys.argv[1:] if arguments is None else arguments
        # An interrupted library may raise this with a message of its own, or a blank one.
        how = str(interruption).strip() or ("continue with --resume" if given and given[0] in RESUMED else "")
        print("; ".join(filter(None, ("interrupted", how))), file=sys.stderr)
        return 130
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS):
            raise
        return _fail(f"{error.filename or 'writing'}: {error.strerror}")
    return 0


def _fail(message: str) -> int:
    print(message, file=sys.stderr)
    return 2
