"""Writes the stubs that tell editors and type checkers which parts there are: `make format` runs it.

A part is found by its file, so that no list names it; a type checker cannot look, and reads these lists instead.
"""

from pathlib import Path

import offprior
from offprior import catalog

HEAD = "# Written by scripts/write_stubs.py; `make format` writes it again.\n"


def stubs() -> dict[Path, str]:
    """The text of every stub, by its path inside the package."""
    found: dict[Path, str] = {}
    of_folders: dict[str, list[str]] = {}
    for folder in catalog.PART_FOLDERS:
        parts = [catalog.find(folder, name) for name in catalog.built_in(folder)]
        lines = sorted(f"from {part.__module__} import {part.__name__} as {part.__name__}" for part in parts)
        of_folders[folder] = lines
        found[Path(folder) / "__init__.pyi"] = HEAD + "".join(f"{line}\n" for line in lines)
    lines = [f"from offprior import {folder} as {folder}" for folder in offprior.FOLDERS_AT_THE_TOP]
    lines += [f"from offprior.{module} import {name} as {name}" for name, module in offprior.MODULE_OF.items()]
    names: set[str] = set()
    for folder in offprior.PARTS_AT_THE_TOP:  # the first folder that has a name gives it
        lines += [line for line in of_folders[folder] if line.rpartition(" ")[2] not in names]
        names |= {line.rpartition(" ")[2] for line in of_folders[folder]}
    rest = "\n__version__: str\nMODULE_OF: dict[str, str]\nPARTS_AT_THE_TOP: tuple[str, ...]\n"
    rest += "FOLDERS_AT_THE_TOP: tuple[str, ...]\n"
    found[Path("__init__.pyi")] = HEAD + "".join(f"{line}\n" for line in sorted(lines)) + rest
    return found


if __name__ == "__main__":
    for path, text in stubs().items():
        (Path(offprior.__file__).parent / path).write_text(text, encoding="utf-8")
