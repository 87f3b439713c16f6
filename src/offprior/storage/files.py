"""Files that appear whole or not at all: written to a temporary name, flushed to the disk, then renamed.

A folder cannot be renamed onto another. The old one is first renamed to `.NAME.PID.old`, and removed when the new one
is in its place; if a process was killed between the two, `locked` and `beside` put the old one back.
"""

import contextlib
import glob
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from offprior.errors import OffpriorError

LOCK = ".lock"
"""The lock file in a folder that a process is using."""
PARTIAL, OLD = ".partial", ".old"
"""Suffixes of files and folders that are being written, and of folders that are being replaced."""


@contextlib.contextmanager
def beside(path: Path) -> Iterator[Path]:
    """Yields a path at which to write a file or folder that replaces `path` once it is complete.

    Raises:
        OffpriorError: it cannot be written, for lack of space or permission; what was there before is left as it was.
    """
    partial, old = (path.with_name(f".{path.name}.{os.getpid()}{end}") for end in (PARTIAL, OLD))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        restore(path.parent, path.name)
        _remove(partial)
        yield partial
        for file in partial.rglob("*") if partial.is_dir() else [partial]:
            if file.is_file():
                _flush(file)
        if partial.is_dir() and path.exists():
            os.replace(path, old)
        os.replace(partial, path)
    except OSError as error:
        raise OffpriorError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        restore(path.parent, path.name)
        _remove(partial)


def restore(folder: Path, name: str = "") -> None:
    """Puts back folders that a killed process was replacing, unless the new one exists; only `name`, if given."""
    for old in folder.glob(f".{glob.escape(name) or '*'}.*{OLD}"):
        replaced = folder / old.name.removesuffix(OLD).rpartition(".")[0].removeprefix(".")
        with contextlib.suppress(OSError):  # a folder that cannot be put back is left where it is
            if not replaced.exists():
                os.replace(old, replaced)
            _remove(old)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keeps other processes from working in `folder`; half-written files of a killed process are removed.

    Raises:
        OffpriorError: another process is at work in it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK, is_singleton=True)  # a singleton, so that one process may lock twice
        lock.acquire(blocking=False)
    except Timeout:
        raise OffpriorError(
            f"{folder}: another process is using this folder; wait for it, or choose another --out"
        ) from None
    except OSError as error:
        raise OffpriorError(f"{folder}: cannot be written: {error.strerror or error}") from error
    try:
        if lock.lock_counter == 1:
            restore(folder)
            for partial in [*folder.glob(f".*{PARTIAL}"), *folder.glob(f"*/.*{PARTIAL}")]:
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
