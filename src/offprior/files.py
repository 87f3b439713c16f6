"""Files that appear whole or not at all: written beside, flushed to the disk, and renamed."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from offprior.errors import OffpriorError

LOCK = ".lock"
"""In a folder that a process works in."""


@contextlib.contextmanager
def beside(path: Path) -> Iterator[Path]:
    """Where to write a file, or a folder of files, that takes the place of `path` when all of it is there.

    Raises:
        OffpriorError: it cannot be written, for want of room or of permission; what was there before is left as it was.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove(partial)
        yield partial
        for file in partial.rglob("*") if partial.is_dir() else [partial]:
            if file.is_file():
                _flush(file)
        if partial.is_dir():
            _remove(path)
        os.replace(partial, path)
    except OSError as error:
        raise OffpriorError(f"{path}: it cannot be written: {error.strerror or error}") from error
    finally:
        _remove(partial)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes from working in `folder`; what a killed one had half written is removed.

    Raises:
        OffpriorError: another process is at work in it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK, is_singleton=True)  # so that one process may ask twice
        lock.acquire(blocking=False)
    except Timeout:
        raise OffpriorError(
            f"{folder}: another process is at work in it; wait for it, or choose another --out"
        ) from None
    except OSError as error:
        raise OffpriorError(f"{folder}: it cannot be written: {error.strerror or error}") from error
    try:
        for partial in [*folder.glob(".*.partial"), *folder.glob("*/.*.partial")] if lock.lock_counter == 1 else []:
            _remove(partial)
        yield
    finally:
        lock.release()


def _flush(path: Path) -> None:
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
