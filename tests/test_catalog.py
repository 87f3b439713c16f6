"""Parts are found by their files; other packages' by their entry points, which may be broken and may not shadow."""

import dataclasses
import importlib
import subprocess
import sys
import warnings
from pathlib import Path

import pandas as pd
import pytest

import offprior
from offprior import catalog
from offprior.errors import OffpriorError, SettingError

PACKAGE = """
class Chirp:
    'A family of another package.'


import pathlib

import jax.numpy as jnp

from offprior.figures.figure import Figure
from offprior.laws.law import Law
from offprior.parameter import Scalar, parameter

RECIPE = pathlib.Path(__file__).parent / "theirs.yaml"


class Unfinished(Figure):
    'A figure without a body.'


class Failing(Figure):
    'A figure of a metric that nobody measures.'

    def compose(self, data, look):
        return data.metrics["M44"].plot()


class Undecided(Failing):
    'A figure that does not know whether it belongs to a report.'

    def belongs_to(self, data):
        return data.metrics["M45"].any()


class Divided(Failing):
    'A figure for every value of a metric that nobody measures.'

    def variants(self, data):
        return {name: self for name in data.metrics["M46"]}


class Exponential(Law):
    'A law of another package.'

    rate: Scalar = parameter(1.0, "how fast it falls", above=0)

    def quantile(self, u):
        return -jnp.log1p(-u) / self.rate
"""
RECIPE = """
title: Their recipe
mixture: {families: [linear]}
model: {name: transformer, layers: 1, heads: 2, width: 16}
"""


@pytest.fixture
def outside(tmp_path, monkeypatch):
    """Puts another package on the path, whose metadata declare entry points of families."""

    def declare(name, value, group="families"):
        (tmp_path / "elsewhere.py").write_text(PACKAGE)
        (tmp_path / "torn.py").write_text("import a_module_that_nobody_has")
        metadata = tmp_path / "elsewhere-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: elsewhere\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text(f"[offprior.{group}]\n{name} = {value}\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        for module in ("elsewhere", "torn"):
            monkeypatch.delitem(sys.modules, module, raising=False)

    return declare


@pytest.mark.parametrize("folder", catalog.PART_FOLDERS)
def test_what_is_listed_is_what_is_found(folder):
    names = catalog.names(folder)
    assert names == sorted(set(names))
    for name in names:
        part = catalog.find(folder, name)
        assert part.__name__.lower() == catalog.class_name(name).lower()
        assert (catalog.name_of(part), catalog.folder_of(part)) == (name, folder)


def test_abstract_modules_are_no_parts():
    assert not {"family", "model", "predictor", "probe", "figure"} & {
        name for folder in catalog.PART_FOLDERS for name in catalog.names(folder)
    }


def test_listing_and_captions_import_no_part():
    script = (
        "import sys; from offprior import catalog\n"
        "captions = [catalog.caption(f, n) for f in catalog.PART_FOLDERS for n in catalog.names(f)]\n"
        "assert len(captions) > 3 and all(captions), captions\n"
        "assert not {'jax', 'equinox', 'offprior.families.linear'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_finding_a_part_imports_that_part_only():
    script = (
        "import sys; from offprior import catalog; catalog.find('families', 'linear')\n"
        "assert 'offprior.families.sinusoid' not in sys.modules and 'offprior.models' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(SettingError, match="'sinsoid' is not among the families; did you mean sinusoid"):
        catalog.find("families", "sinsoid")


def test_an_unknown_folder_gets_the_nearest():
    with pytest.raises(OffpriorError, match="did you mean families"):
        catalog.names("familes")


def test_a_plugin_is_listed_and_found(outside):
    outside("chirp", "elsewhere:Chirp")
    assert "chirp" in catalog.names("families") and "linear" in catalog.names("families")
    assert catalog.find("families", "chirp").__module__ == "elsewhere"
    assert catalog.caption("families", "chirp") == "A family of another package."


def test_a_plugin_may_not_shadow(outside):
    outside("linear", "elsewhere:Chirp")
    with pytest.warns(UserWarning, match="elsewhere:Chirp is skipped: the name 'linear' is taken"):
        assert catalog.names("families").count("linear") == 1
        assert catalog.find("families", "linear").__module__ == "offprior.families.linear"


def test_a_broken_plugin_warns_and_the_rest_works(outside):
    outside("chirp", "torn:Chirp")
    with (
        pytest.warns(UserWarning, match="a_module_that_nobody_has"),
        pytest.raises(SettingError, match="cannot be imported"),
    ):
        catalog.find("families", "chirp")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert catalog.caption("families", "chirp").startswith("broken")
    assert catalog.find("families", "linear").__name__ == "Linear"


@pytest.mark.parametrize(("name", "class_"), [("mixture-weight", "MixtureWeight"), ("linear", "Linear")])
def test_class_names(name, class_):
    assert catalog.class_name(name) == class_


@pytest.mark.parametrize(
    ("name", "value", "module"),
    [
        ("vee", "elsewhere:Chirp", None),  # another name than the module's and the class's
        ("chirp", "elsewhere.inner:Chirp", "elsewhere.inner"),
        ("chirp-again", "elsewhere:Chirp", "elsewhere.inner"),  # offered by a package that imports it from elsewhere
    ],
)
def test_a_plugins_name_is_the_one_that_finds_it(tmp_path, monkeypatch, name, value, module):
    """Whatever its module, its class and its entry point are called: what a recipe writes, a recipe reads back."""
    package = tmp_path / "elsewhere"
    package.mkdir()
    source = "from offprior.families.linear import Linear\nclass Chirp(Linear):\n    'A family of another package.'\n"
    (package / "inner.py").write_text(source)
    (package / "__init__.py").write_text("from elsewhere.inner import Chirp" if module else source)
    metadata = tmp_path / "elsewhere-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: elsewhere\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[offprior.families]\n{name} = {value}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for known in ("elsewhere", "elsewhere.inner"):
        monkeypatch.delitem(sys.modules, known, raising=False)
    part = catalog.find("families", name)
    assert catalog.name_of(part) == name
    from offprior.recipe.parts import part_from, plain

    assert plain(part_from("families", name))["name"] == name
    assert type(part_from("families", plain(part()))) is part


@pytest.mark.parametrize("group", ["family", "families"])
def test_a_group_that_nothing_reads_is_named_where_parts_are_listed(outside, capsys, group):
    from offprior import cli

    outside("chirp", "elsewhere:Chirp", group)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert cli.main(["list", "families"]) == 0
    said = "elsewhere:Chirp is skipped: unknown group 'offprior.family'; did you mean offprior.families?"
    assert (said in " ".join(capsys.readouterr().err.split())) == (group == "family")


@pytest.mark.parametrize("value", ["elsewhere:RECIPE", "elsewhere:theirs.yaml", "elsewhere:more-of-theirs.yaml"])
def test_a_recipe_of_another_package_is_listed_described_and_read(outside, tmp_path, capsys, value):
    from offprior import cli
    from offprior.recipe.recipe import read

    outside("theirs", value, "recipes")
    for file in ("theirs.yaml", "more-of-theirs.yaml"):
        (tmp_path / file).write_text(RECIPE)
    assert cli.main(["list", "recipes"]) == cli.main(["describe", "theirs"]) == cli.main(["validate", "theirs"]) == 0
    assert capsys.readouterr().out.count("Their recipe") == 2
    assert read("theirs").name == "theirs" and read("theirs", ["mixture.noise=0.3"]).mixture.noise == 0.3


def test_a_recipe_file_that_another_package_lacks_is_named(outside, capsys):
    from offprior import cli

    outside("theirs", "elsewhere:lost.yaml", "recipes")
    assert cli.main(["validate", "theirs"]) == 2
    assert "lost.yaml cannot be read: No such file" in capsys.readouterr().err


@pytest.mark.parametrize("value", ["torn:RECIPE", "elsewhere:NOTHING"])
def test_a_broken_recipe_of_another_package_is_said_in_a_line(outside, value, capsys):
    from offprior import cli

    outside("theirs", value, "recipes")
    assert cli.main(["validate", "theirs"]) == 2
    assert f"theirs: {value}, which offers this recipe, returned no path: " in capsys.readouterr().err
    assert cli.main(["list", "recipes"]) == 0
    assert "broken: theirs: " in capsys.readouterr().out


BROKEN_FIGURES = {
    "torn:Gain": "a_module_that_nobody_has",
    "elsewhere:Unfinished": "compose",
    "elsewhere:Failing": "M44",
    "elsewhere:Undecided": "M45",
    "elsewhere:Divided": "M46",
}


@pytest.mark.parametrize(("value", "reason"), BROKEN_FIGURES.items())
def test_a_report_does_without_a_broken_figure_of_another_package(outside, tmp_path, value, reason):
    from fixture_table import report_data

    from offprior.report.report import write_page

    outside("gain", value, "figures")
    data = dataclasses.replace(report_data(probes=("in-distribution", "mixture-weight")), panels=pd.DataFrame())
    with pytest.warns(UserWarning, match=rf"figures: gain .*{reason}"):
        page = write_page(data, tmp_path / "report").read_text(encoding="utf-8")
    assert "error-by-strength" in page and "gain.svg" not in page


@pytest.mark.parametrize(("value", "reason"), BROKEN_FIGURES.items())
def test_figures_for_a_paper_do_without_a_broken_figure_of_another_package(outside, tmp_path, value, reason):
    from fixture_table import report_data

    from offprior.report.paper import write_paper

    outside("gain", value, "figures")
    data = report_data(probes=("mixture-weight",))
    with pytest.warns(UserWarning, match=rf"figures: gain .*{reason}"):
        files = write_paper(data, tmp_path, only=[] if value == "elsewhere:Failing" else ["verdict-table"])
    names = {file.stem for file in files}
    assert "verdict-table-mixture-weight" in names and "gain" not in names


def test_a_figure_of_another_package_that_was_asked_for_says_why_it_fails(outside, tmp_path):
    from fixture_table import report_data

    from offprior.report.paper import write_paper

    outside("gain", "elsewhere:Failing", "figures")
    with pytest.raises(OffpriorError, match=r"--only: gain cannot be drawn: KeyError: 'M44'"):
        write_paper(report_data(probes=("mixture-weight",)), tmp_path, only=["gain"])


def test_an_atlas_does_without_a_broken_probe_of_another_package(outside):
    from offprior.evaluation.atlas import applicable
    from offprior.mixture import Mixture

    outside("wobble", "torn:Wobble", "probes")
    with pytest.warns(UserWarning, match="probes: wobble .*a_module_that_nobody_has"):
        found = applicable(Mixture())
    assert "convex" in {catalog.name_of(type(probe)) for probe in found.probes}


@pytest.mark.parametrize("group", ["laws", "input_laws"])
def test_a_law_of_another_package_is_read_in_a_recipe(outside, group):
    from offprior.recipe.parts import law_from, plain

    outside("exponential", "elsewhere:Exponential", group)
    found = law_from({"name": "exponential", "rate": 3})
    assert type(found).__name__ == "Exponential" and plain(found) == {"name": "exponential", "rate": 3.0}


def test_a_class_that_no_package_offers_has_its_own_name():
    from offprior.families.linear import Linear

    for name, expected in (("Absolute", "absolute"), ("ReLUNetwork", "re-lu-network"), ("Slope2Scale", "slope2-scale")):
        part = type(name, (Linear,), {"__module__": "__main__", "__doc__": "Of a script."})
        assert catalog.name_of(part) == expected


def test_the_stubs_name_every_part(monkeypatch):
    """What editors and type checkers read is what the catalogue finds; `make format` writes it."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "scripts"))
    stubs = importlib.import_module("write_stubs").stubs()
    package = Path(offprior.__file__).parent
    assert {path: (package / path).read_text(encoding="utf-8") for path in stubs} == stubs
    assert set(package.rglob("*.pyi")) == {package / path for path in stubs}
    for line in stubs[Path("__init__.pyi")].splitlines():
        if " import " in line:
            name = line.rpartition(" ")[2]
            assert getattr(offprior, name) is not None
