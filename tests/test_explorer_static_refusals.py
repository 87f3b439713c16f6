"""What a page without a server cannot carry out is told in one line, and nothing is written."""

import re

import pytest
from small_runs import carried_out

from offprior.cli import main
from offprior.errors import SettingError
from offprior.explorer import static_network
from offprior.explorer.static_network import check
from offprior.models.transformer import Transformer
from offprior.parameter import parameter


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return carried_out(tmp_path_factory.mktemp("refused"))


def refused(capsys, folder, page):
    """The only line of a refusal, with nothing written."""
    before = sorted(page.parent.iterdir())
    assert main(["explore", str(folder), "--static", str(page)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert sorted(page.parent.iterdir()) == before and len(lines) == 1
    return lines[0]


def test_a_switch_that_the_page_does_not_know_is_refused(run, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(static_network.CHOICES, "tokens", ("paired",))
    line = refused(capsys, run.folder, tmp_path / "page.html")
    assert line.endswith("model.tokens: a page without a server does not support 'alternating'; choose from paired")


def test_a_model_that_is_too_large_is_refused(run, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(static_network, "MOST_PARAMETERS", 100)
    line = refused(capsys, run.folder, tmp_path / "page.html")
    assert re.search(
        r"model: it has [\d,]+ parameters; a page without a server takes at most 100; leave out --static", line
    )


def test_a_folder_in_the_files_place_is_refused(run, tmp_path, capsys):
    (tmp_path / "page").mkdir()
    assert "--static" in refused(capsys, run.folder, tmp_path / "page")


def test_what_is_no_run_is_refused(tmp_path, capsys):
    assert str(tmp_path) in refused(capsys, tmp_path, tmp_path / "page.html")


class Windowed(Transformer):
    """With a setting of another package."""

    window: int = parameter(0, "pairs that a token sees")


def test_a_setting_of_another_package_is_named():
    check(Windowed(), "run")
    with pytest.raises(SettingError, match=r"run: model\.window: a page without a server does not support the value"):
        check(Windowed(window=3), "run")
