"""A folder is replaced whole, whenever the process that does it is killed."""

import os
import shutil
import subprocess
import sys
import textwrap

import pytest

from offprior.errors import OffpriorError
from offprior.storage.files import beside, locked

KILLED = textwrap.dedent(
    """
    import os, shutil, sys
    from pathlib import Path
    from offprior.storage import files

    left = int(sys.argv[2])

    def counted(do):
        def doing(*arguments, **named):
            global left
            left -= 1
            if left < 0:
                os._exit(9)
            return do(*arguments, **named)
        return doing

    for module, name in ((os, "replace"), (shutil, "rmtree"), (os, "fsync")):
        setattr(module, name, counted(getattr(module, name)))
    with files.beside(Path(sys.argv[1])) as partial:
        partial.mkdir()
        (partial / "page").write_text("new")
    """
)
"""Replaces a folder, and is killed before its so many-eth call that changes the disk."""


def entries(folder):
    return sorted(path.name for path in folder.iterdir())


def test_killed_between_any_two_steps_the_old_or_the_new_folder_is_there(tmp_path):
    report, seen = tmp_path / "report", []
    for calls in range(20):
        shutil.rmtree(report, ignore_errors=True)
        report.mkdir()
        (report / "page").write_text("old")
        code = subprocess.run([sys.executable, "-c", KILLED, str(report), str(calls)], check=False).returncode
        with locked(tmp_path):
            seen.append((report / "page").read_text())
            assert entries(tmp_path) == [".lock", "report"]
        if code == 0:
            break
        assert code == 9
    assert seen[0] == "old" and seen[-1] == "new" and seen == sorted(seen, reverse=True)
    assert len(seen) > 4  # flushed, the old one renamed, the new one renamed, the old one removed


def test_the_next_writer_puts_the_old_folder_back(tmp_path):
    killed = tmp_path / ".report.7.old"
    killed.mkdir()
    (killed / "page").write_text("old")
    with pytest.raises(ZeroDivisionError), beside(tmp_path / "report") as partial:
        partial.mkdir()
        raise ZeroDivisionError
    assert (tmp_path / "report" / "page").read_text() == "old" and entries(tmp_path) == ["report"]


def test_a_folder_that_cannot_be_replaced_stays(tmp_path, monkeypatch):
    report = tmp_path / "report"
    report.mkdir()
    (report / "page").write_text("old")
    rename = os.replace

    def full(source, target):
        if str(target) == str(report) and ".partial" in str(source):
            raise OSError(28, "No space left on device")
        rename(source, target)

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OffpriorError, match="No space left"), beside(report) as partial:
        partial.mkdir()
        (partial / "page").write_text("new")
    assert (report / "page").read_text() == "old" and entries(tmp_path) == ["report"]


def test_a_files_name_with_brackets_is_its_own(tmp_path):
    for name in ("w[lines]", "*"):
        with beside(tmp_path / name) as partial:
            partial.write_text(name)
    (tmp_path / ".w.1.old").mkdir()  # of a folder called w, which `*` and `w[lines]` are not
    with beside(tmp_path / "w[lines]") as partial:
        partial.write_text("again")
    assert entries(tmp_path) == ["*", ".w.1.old", "w[lines]"]
