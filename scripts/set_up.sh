#!/usr/bin/env bash
# Makes the virtual environment and installs into it what a hash-pinned lock file holds, then the package itself.
#   scripts/set_up.sh run|dev|docs|adapters
# PYTHON names the interpreter (python3), VENV the folder (.venv). Nothing is reached but the package registry.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

lock="requirements/${1:?which lock: run, dev, docs or adapters}.lock.txt"
venv="${VENV:-.venv}"
export UV_PYTHON_DOWNLOADS=never PIP_DISABLE_PIP_VERSION_CHECK=1

say() { printf 'set-up: %s\n' "$*" >&2; }
stop() { say "$*"; exit 2; }

# Prints the real path of an interpreter that is new enough: version managers put shims in the PATH, which uv and venv cannot use.
real_python() {
    "$1" - 2>/dev/null <<'PYTHON' || true
import sys
if sys.version_info >= (3, 11):
    print(getattr(sys, "_base_executable", None) or sys.executable)
PYTHON
}

can_make_venv() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }

uv="$(command -v uv || true)"
# The mark is set last: an environment that an interruption left half made is made again.
if [[ ! -f "$venv/.made" ]]; then
    found="" lacks_venv=""
    for candidate in "${PYTHON:-python3}" python3 python3.13 python3.12 python3.11; do
        real="$(real_python "$candidate")"
        [[ -n "$real" ]] || continue
        if [[ -n "$uv" ]] || can_make_venv "$real"; then
            found="$real"
            break
        fi
        lacks_venv="${lacks_venv:-$real}"
    done
    if [[ -z "$found" && -n "$lacks_venv" ]]; then
        stop "$lacks_venv lacks the venv module; on Debian and Ubuntu: apt-get install python3-venv"
    elif [[ -z "$found" ]]; then
        stop "no Python 3.11 or newer was found; install one, or name it: make PYTHON=/path/to/python3.12"
    fi
    say "$("$found" --version) at $found, environment in $venv"
    rm -rf "$venv"
    if can_make_venv "$found"; then
        "$found" -m venv "$venv"
    else
        "$uv" venv --quiet --python "$found" "$venv"
    fi
    touch "$venv/.made"
fi

install() {
    if [[ -n "$uv" ]]; then
        "$uv" pip install --quiet --python "$venv/bin/python" "$@" && return
        say "uv could not; trying pip, which has settings of its own"
    fi
    "$venv/bin/python" -m pip install --quiet "$@"
}

# The adapters' packages need PyTorch, which no lock has: its plain wheel is gigabytes of CUDA packages where pip knows of
# no other. pip installs it, by its own settings, for uv reads none of them; the lock then sets what both of them need.
torch="2.13.0"
alone=()
if [[ "$1" == adapters ]]; then
    alone=(--no-deps)
    has="$("$venv/bin/python" -c 'import importlib.metadata as m; print(m.version("torch").partition("+")[0])' 2>/dev/null || true)"
    if [[ "$has" != "$torch" ]]; then
        "$venv/bin/python" -m pip --version >/dev/null 2>&1 || stop "$venv has no pip, which PyTorch is installed with"
        say "installing torch $torch"
        "$venv/bin/python" -m pip install --quiet "torch==$torch"
    fi
fi
say "installing $lock"
install "${alone[@]+"${alone[@]}"}" --require-hashes -r "$lock"
# The lock has the build backend too, so that this step reaches for nothing.
install --no-deps --no-build-isolation --editable .
say "done"
