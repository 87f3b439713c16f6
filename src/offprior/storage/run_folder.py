"""The run folder: the files of a recipe that was carried out.

``recipe.yaml`` (all settings), ``manifest.json`` (what ran where and when), ``training.parquet``, ``seed-<s>/``
(checkpoints), ``evaluation.parquet``, ``panels.parquet``, ``report/``. Each file appears whole or not at all. A study
has one run per place in ``place-00/``, ``place-01/``, …, and the rows of all of them in its own ``evaluation.parquet``.
"""

import datetime
import importlib.metadata
import json
import platform
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from offprior import __version__
from offprior.compute.devices import cores
from offprior.errors import OffpriorError, Problem, SettingError, choose_from
from offprior.storage.files import LOCK, OLD, PARTIAL, beside
from offprior.storage.parquet import read_parquet, write_parquet

MANIFEST = "manifest.json"
RECIPE = "recipe.yaml"
TRAINING = "training.parquet"
EVALUATION = "evaluation.parquet"
ATLAS = "atlas"
"""The subfolder of a run that `offprior atlas` writes to."""
ABOUT = "about.json"
"""What an atlas or an audit was made of."""
PANELS = "panels.parquet"
TRAJECTORY = "trajectory.parquet"
"""The model's distances from other predictors along its training, of a study that reads them."""
RUNS = Path("runs")
PACKAGES = ("jax", "jaxlib", "equinox", "optax")


class RunFolder:
    """A folder that holds a run.

    Raises:
        OffpriorError: there is no run in it, or its manifest cannot be read.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        if not (self.folder / MANIFEST).is_file():
            near = choose_from(self.folder.name, [run.name for run in all_runs(self.folder.parent)])
            raise SettingError(Problem("", f"no run here ({MANIFEST} is missing); {near}", str(self.folder)))
        self.manifest: dict[str, Any] = _read_manifest(self.folder / MANIFEST)

    def update(self, **entries: Any) -> None:
        """Changes entries of the manifest."""
        self.manifest = {**self.manifest, **entries}
        write_text(self.folder / MANIFEST, json.dumps(self.manifest, indent=2) + "\n")

    @property
    def finished(self) -> bool:
        """Whether everything requested has been trained and evaluated."""
        return self.manifest.get("finished") is not None

    @property
    def seeds(self) -> list[int]:
        """The requested training seeds, without those that diverged."""
        diverged = self.manifest.get("diverged", {})
        return [seed for seed in self.manifest["seeds"] if str(seed) not in diverged]

    def evaluation(self, **wanted: Sequence[Any]) -> pd.DataFrame:
        """Returns the tidy rows of `evaluation.parquet`; `probe=[...]` selects the rows of those probes."""
        return self._rows(EVALUATION, "the run has not been probed yet; use offprior probe", **wanted)

    def training(self) -> pd.DataFrame:
        """Returns the training curve: one row per dispatch and seed."""
        return self._rows(TRAINING, "the run has not been pretrained yet; use offprior run --resume")

    def panels(self) -> pd.DataFrame:
        """Returns the prediction panels: series of y against x on a few prompts."""
        return self._rows(PANELS, "the run has no prediction panels yet; use offprior probe")

    def trajectory(self) -> pd.DataFrame:
        """Returns the distances along training: one row per place, step, cell and other predictor."""
        return self._rows(TRAJECTORY, "the study is not read along training")

    def write(self, name: str, rows: pd.DataFrame) -> None:
        """Writes one of the run's tables."""
        write_parquet(self.folder / name, rows)

    def _rows(self, name: str, remedy: str, **wanted: Sequence[Any]) -> pd.DataFrame:
        path = self.folder / name
        if not path.is_file():
            raise OffpriorError(f"{path}: no such file; {remedy} {self.folder}")
        try:
            return read_parquet(path, **wanted)
        except (OSError, ValueError) as error:
            raise OffpriorError(f"{path}: cannot be read: {' '.join(str(error).split())}") from error


def create(folder: Path, recipe_yaml: str, fingerprint: str, about: dict[str, Any]) -> RunFolder:
    """Creates a run in `folder`, or reopens the one of the same recipe.

    Raises:
        OffpriorError: the folder holds another recipe's run, or something else.
    """
    check_usable(folder, fingerprint)
    if (folder / MANIFEST).is_file():
        return RunFolder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / RECIPE, recipe_yaml)
    # The manifest is written last: a folder without one is not a run.
    entries = {"fingerprint": fingerprint, **about, "started": now(), "finished": None}
    write_text(folder / MANIFEST, json.dumps(entries, indent=2) + "\n")
    return RunFolder(folder)


def check_usable(folder: Path, fingerprint: str) -> None:
    """Checks that the folder is new or empty, or holds a run of the recipe of this fingerprint.

    Raises:
        OffpriorError: the folder holds another recipe's run, or something else.
    """
    if (folder / MANIFEST).is_file():
        found = RunFolder(folder)
        if found.manifest.get("fingerprint") != fingerprint:
            name = found.manifest.get("recipe", "another recipe")
            free = f"{folder}-{fingerprint[:6]}"
            message = f"the folder holds a run of {name} with other settings; choose another folder, say --out {free}"
            raise SettingError(Problem("", message, str(folder)))
    elif folder.exists() and not folder.is_dir():
        raise SettingError(Problem("", "expected a folder, got a file; choose another --out", str(folder)))
    elif folder.is_dir() and any(not _is_left_over(file) for file in folder.iterdir()):
        raise SettingError(Problem("", "the folder holds other files and no run; choose another --out", str(folder)))


def all_runs(parent: Path = RUNS) -> list[Path]:
    """Returns the folders under `parent` that hold a run."""
    if not parent.is_dir():
        return []
    return sorted(path.parent for path in parent.glob(f"*/{MANIFEST}"))


def versions() -> dict[str, str]:
    """Returns the versions of Python and of the packages that results depend on."""
    found = {"python": platform.python_version(), "offprior": __version__}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, Any]:
    """Returns the platform, its processor and the number of cores available to the process."""
    return {"platform": platform.platform(), "processor": _processor(), "cores": cores()}


def now() -> str:
    """Returns the time in UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def write_text(path: Path, text: str) -> None:
    """Writes a text file; it appears whole or not at all."""
    with beside(path) as partial:
        partial.write_text(text, encoding="utf-8")


def folder_name(what: str) -> str:
    """Returns a predictor's name or address as the name of a folder."""
    return re.sub(r"[^\w.=-]+", "-", what).strip("-")


def _is_left_over(file: Path) -> bool:
    """Whether a run that was killed before it had a manifest left the file."""
    return file.name in (RECIPE, LOCK) or file.name.endswith((PARTIAL, OLD))


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OffpriorError(f"{path}: cannot be read: {error}") from error
    if not isinstance(manifest, dict) or not isinstance(manifest.get("seeds"), list):
        raise OffpriorError(f"{path}: cannot be read: expected a mapping with a list of seeds")
    return manifest


def _processor() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
