"""A progress that slows training down."""

import time

from offprior.console.progress import Silence


class Slow(Silence):
    """Leaves the disk the time for every checkpoint: of those that wait for it, only the newest is written."""

    def advance(self, done, message=""):
        time.sleep(0.15)
