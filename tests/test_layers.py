"""Imports point down the layers only, function-level imports included."""

import ast
import functools
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "offprior"

# Top to bottom; the modules of one row do not see each other.
ROWS = (
    {"__main__"},
    {"cli"},
    {"explorer"},
    {"commands"},
    {"report"},
    {"evaluation", "pretraining"},
    {"table"},
    {"figures"},
    {"analysis"},
    {"adapters"},
    {"predictors", "probes"},
    {"mixture"},
    {"mixture_settings", "prompt_sampling", "posterior"},
    {"families", "models"},
    {"components", "input_laws", "networks", "recipe", "storage"},
    {"laws", "predictive"},
    {"__init__", "parameter", "prompt_check"},
    {"catalog", "compute", "console"},
    {"columns", "errors"},
)


def level(top: str) -> int:
    """Row from the bottom."""
    places = [place for place, row in enumerate(reversed(ROWS), start=1) if top in row]
    assert len(places) == 1, f"offprior/{top} stands in {len(places)} rows: give it one in {Path(__file__).name}"
    return places[0]


def module_of(file: Path) -> str:
    """src/offprior/families/linear.py -> families.linear; a package is its __init__."""
    parts = file.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


@functools.cache
def modules() -> dict[str, Path]:
    return {module_of(file): file for file in sorted(SOURCE.rglob("*.py"))}


def imports(file: Path, *, at_import_only: bool = False) -> set[str]:
    """The modules of offprior that a file imports, by statement or by `importlib.import_module` of a constant."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    package = ["offprior", *module_of(file).split(".")]
    if file.name != "__init__.py":
        package.pop()
    found: set[str] = set()
    for node in walk_at_import(tree) if at_import_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            base = ".".join(part for part in (base, node.module) if part)
            found |= {f"{base}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            if name == "import_module" and node.args and isinstance(node.args[0], ast.Constant):
                found.add(str(node.args[0].value))
    inside = {name.removeprefix("offprior.") for name in found if name.startswith("offprior.")}
    return {resolved for name in inside if (resolved := nearest_module(name))}


def walk_at_import(node: ast.AST):
    """Every node that runs at import: not the bodies of functions, nor what only type checkers see."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from walk_at_import(child)


def nearest_module(name: str) -> str | None:
    """families.linear.Linear -> families.linear; a name of the package itself -> __init__."""
    while name:
        if name in modules():
            return name
        name = name.rpartition(".")[0]
    return "__init__"


def top(module: str) -> str:
    return module.partition(".")[0]


@pytest.mark.parametrize("module", sorted(modules()))
def test_imports_point_down(module):
    here = level(top(module))
    wrong = []
    for imported in imports(modules()[module]):
        there = level(top(imported))
        if not (top(imported) == top(module) or there < here):
            wrong.append(imported)
    assert not wrong, f"offprior/{module} must not see {', '.join(sorted(wrong))}"


def test_no_import_cycle():
    """Not among the files of one row or folder either."""
    graph = {module: imports(file, at_import_only=True) - {module, "__init__"} for module, file in modules().items()}
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, f"import cycle: {' -> '.join([*path[path.index(module) :], module])}"
        if module not in done:
            for imported in sorted(graph[module]):
                visit(imported, (*path, module))
            done.add(module)

    for module in sorted(graph):
        visit(module, ())
    assert len(done) == len(modules()) > 20


def test_every_row_exists():
    tops = {top(module) for module in modules()}
    missing = set().union(*ROWS) - tops
    assert not missing, f"the layers name what is not there: {sorted(missing)}"


def test_a_newcomer_finds_the_room():
    """Few files at the root, files of a size that can be read at once, and no name twice in a folder's sense."""
    lines = sorted(len(file.read_text(encoding="utf-8").splitlines()) for file in modules().values())
    assert len(list(SOURCE.glob("*.py"))) <= 12
    assert lines[-1] <= 300 and lines[len(lines) // 2] <= 120
    vague = {"utils", "helpers", "common", "manager", "misc", "base", "core"}
    assert not {name for module in modules() for name in module.split(".")} & vague


def test_the_test_sees_wrong_imports(tmp_path, monkeypatch):
    """Upwards, sideways, inside a function, relative, and by importlib."""
    monkeypatch.setattr(f"{__name__}.SOURCE", tmp_path)
    for folder in ("families", "models", "probes"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "__init__.py").write_text("")
    wrong = tmp_path / "families" / "wrong.py"
    modules.cache_clear()
    try:
        for text in (
            "from offprior.probes import probe",
            "def f():\n    import offprior.models",
            "from ..models import model",
            "import importlib\nimportlib.import_module('offprior.probes')",
            "from offprior import models",
        ):
            wrong.write_text(text)
            modules.cache_clear()
            with pytest.raises(AssertionError, match="must not see"):
                test_imports_point_down("families.wrong")
    finally:
        modules.cache_clear()
