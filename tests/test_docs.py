"""Every command, part and recipe is documented, and every relative link of the documentation leads somewhere."""

import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest

import offprior
from offprior import catalog
from offprior.analysis.metric_names import METRICS
from offprior.cli import app
from offprior.commands.describe import print_description
from offprior.recipe import file as recipe_file
from offprior.recipe.parts import LAW_FOLDERS

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
CODE = re.compile(r"^(```|~~~).*?^\1[ \t]*$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def commands() -> list[str]:
    # Options of the program itself, such as --help, are no commands.
    return sorted(name for name in app if not name.startswith("-"))


def test_commands_are_those_promised():
    assert {"run", "pretrain", "probe", "report", "list", "describe", "validate"} <= set(commands())


@pytest.mark.parametrize("command", commands())
def test_every_command_is_documented(command):
    assert f"`offprior {command}" in page("commands.md")


@pytest.mark.parametrize("command", sorted(set(re.findall(r"^`offprior ([a-z]+)", page("commands.md"), re.MULTILINE))))
def test_every_documented_command_exists(command):
    assert command in commands()


@pytest.mark.parametrize("folder", catalog.PART_FOLDERS)
def test_every_part_is_documented_in_its_section(folder):
    _, heading, rest = page("parts.md").partition(f"## {folder.replace('_', ' ').capitalize()}\n")
    assert heading, f"docs/parts.md has no section for {folder}"
    documented = set(re.findall(r"^\| `([a-z0-9-]+)` \|", rest.partition("\n## ")[0], re.MULTILINE))
    switches = {"tokens", "attention", "positions", "norm", "head"} if folder == "models" else set()
    assert documented - switches == set(catalog.built_in(folder))


def test_metrics_have_the_names_of_their_documentation():
    """Word for word, but for markup."""
    rows = re.findall(r"^\| (M\d+) \| ([a-z][^|]*) \| ([^|]*) \| ([^|]*) \|$", page("metrics.md"), re.MULTILINE)
    plainly = [[re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", cell).replace("`", "").strip() for cell in row] for row in rows]
    assert {code: tuple(rest) for code, *rest in plainly} == {code: tuple(metric) for code, metric in METRICS.items()}


@pytest.mark.parametrize(
    "name", ["training", "mixture", "evaluation", "recipe", "study", "M5", "m5", "ordered", "log-uniform"]
)
def test_sections_metrics_and_laws_are_described(name, capsys):
    print_description(name)
    said = capsys.readouterr().out
    expected = {"training": "optimiser", "mixture": "noise_floor", "evaluation": "queries", "ordered": "degree"}
    expected |= {"recipe": "specialists", "study": "threshold"}
    assert expected.get(name, "share of the prior gap closed" if name in ("M5", "m5") else "upper end") in said


def test_every_recipe_is_documented():
    documented = set(re.findall(r"^\| `([a-z0-9-]+)` \|", page("recipes.md"), re.MULTILINE))
    assert documented == set(recipe_file.built_in())


def test_every_recipe_has_a_row_of_its_reproduction():
    """With a figure, or with the words that there is none."""
    rows = re.findall(r"^\| `([a-z0-9-]+)` \|(.*)\|$", page("reproductions.md"), re.MULTILINE)
    assert sorted(name for name, _ in rows) == recipe_file.built_in()
    for name, rest in rows:
        cells = [cell.strip() for cell in rest.split("|")]
        if len(cells) == 2:  # a question of our own has nothing to reproduce
            assert (
                re.search(r"\d", cells[1])
                and recipe_file.read_mapping(*recipe_file.locate(name))["paper"][:4] == "ours"
            )
            continue
        _, ran, figure, _, result = cells
        assert result.startswith(("reproduced", "not reproduced", "not run at size", "no claim beforehand")), name
        if result.startswith("no claim beforehand"):
            recipe = recipe_file.read_mapping(*recipe_file.locate(name))
            assert recipe["paper"].startswith("ours") and "laim: " not in recipe["expected"], name
        assert (ran == "–") == (figure == "–") and (figure != "–" or result == "not run at size"), name


def test_every_law_is_documented_and_no_other():
    said = page("recipes.md").partition("- **Laws**")[2].partition("\n- **")[0]
    assert set(re.findall(r"`([a-z-]+)`", said)) == {name for folder in LAW_FOLDERS for name in catalog.names(folder)}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_lead_somewhere(path):
    text = CODE.sub("", path.read_text(encoding="utf-8"))
    broken = []
    for target in LINK.findall(text):
        file, _, anchor = target.partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        there = (path.parent / file).resolve() if file else path
        if not there.exists() or (anchor and anchor not in anchors(there)):
            broken.append(target)
    assert not broken, f"{path.name}: {', '.join(broken)}"


def anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", CODE.sub("", path.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_pages_are_in_the_table_of_contents():
    index = page("index.md")
    listed = set("\n".join(re.findall(r"```\{toctree\}.*?\n\n(.*?)```", index, re.DOTALL)).split())
    assert listed == {path.stem for path in (ROOT / "docs").glob("*.md")} - {"index"}


def test_lock_files_are_pinned_by_hash_and_name_no_address():
    locks = sorted((ROOT / "requirements").glob("*.lock.txt"))
    assert [lock.name for lock in locks] == [f"{name}.lock.txt" for name in ("adapters", "dev", "docs", "run")]
    versions: dict[str, set[str]] = {}
    for lock in locks:
        text = lock.read_text(encoding="utf-8")
        assert "://" not in text and "--index" not in text
        for block in re.split(r"\n(?=\S)", text.strip()):
            name, equals, rest = block.partition("==")
            assert equals and "--hash=sha256:" in rest, f"{lock.name}: {block[:60]}"
            versions.setdefault(name.partition("[")[0], set()).add(rest.split()[0])
    assert all(len(found) == 1 for found in versions.values()), "the locks disagree on a version"
    assert not [name for name in versions if re.match(r"torch$|triton|nvidia|cuda", name)]


@pytest.mark.parametrize("module", sorted(info.name for info in pkgutil.walk_packages(offprior.__path__, "offprior.")))
def test_everything_public_has_a_docstring(module):
    """A method may inherit the one of the method that it overrides."""
    if module.endswith("__main__"):
        return
    bare = []
    for name, thing in vars(importlib.import_module(module)).items():
        if name.startswith("_") or getattr(thing, "__module__", None) != module or not callable(thing):
            continue
        if inspect.isclass(thing):
            members = {member: getattr(thing, member) for member in vars(thing) if not member.startswith("_")}
            methods = {member: value for member, value in members.items() if inspect.isroutine(value)}
            bare += [f"{name}.{member}" for member, value in methods.items() if not inspect.getdoc(value)]
            bare += [name] if not thing.__doc__ else []
        elif inspect.isfunction(thing) and not inspect.getdoc(thing):
            bare.append(name)
    assert not bare, f"{module}: no docstring: {', '.join(bare)}"
