"""What the commands do from Python: overrides of any kind, one lock from a run's beginning to its end."""

import functools

import pytest
from filelock import FileLock, Timeout
from small_runs import write

from offprior.commands import recipe_run, study_run
from offprior.commands.pretrain import pretrain_run
from offprior.commands.run import run
from offprior.errors import OffpriorError
from offprior.storage import run_folder
from offprior.storage.files import LOCK

SETTINGS = ["training.steps=7", "evaluation.tasks=5"]


def is_free(folder):
    """Could another process begin to work in a folder now?"""
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return False
    lock.release()
    return True


@pytest.fixture(params=[functools.partial(run, report=False), pretrain_run], ids=["run", "pretrain"])
def begun(request, tmp_path, monkeypatch):
    """`run` or the first half of it, without training and report; notes whether the folder was free meanwhile."""
    free = []

    def noted(folder):
        def note(*_, **__):
            free.append(is_free(folder))
            return [[]]

        return note

    def begin(name="run", **settings):
        folder = tmp_path / name
        assert study_run.pretrain is recipe_run.pretrain  # it has imported what is replaced here
        for module, function in ((recipe_run, "pretrain"), (recipe_run, "probe")):
            monkeypatch.setattr(module, function, noted(folder))
        monkeypatch.setattr(run_folder, "create", watched(run_folder.create, noted(folder)))
        return request.param(write(tmp_path), out=folder, progress=False, **settings), free

    return begin


def watched(function, note):
    def watching(*arguments):
        made = function(*arguments)
        note()
        return made

    return watching


@pytest.mark.parametrize("kind", [list, tuple, iter, lambda given: (one for one in given), dict.fromkeys])
def test_overrides_may_be_anything_that_can_be_walked_through(begun, kind):
    found, _ = begun(overrides=kind(SETTINGS))
    assert (found.recipe.training.steps, found.recipe.evaluation.tasks) == (7, 5)


def test_the_folder_is_locked_from_its_creation_to_the_last_line(begun, tmp_path):
    _, free = begun()
    assert len(free) >= 2 and not any(free)
    assert is_free(tmp_path / "run")


def test_a_refused_folder_gets_no_lock(begun, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").touch()
    with pytest.raises(OffpriorError, match="the folder holds other files and no run"):
        begun("other")
    assert [path.name for path in other.iterdir()] == ["thesis.txt"]
