"""Entry point of `python -m offprior`."""

import sys

from offprior.cli import main

if __name__ == "__main__":
    sys.exit(main())
