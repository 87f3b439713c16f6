#!/usr/bin/env bash
# Writes requirements/*.lock.txt: every version with its hashes, for all platforms and Pythons, and no addresses.
# One version of a package in all of them: each later lock is held to those before it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export UV_PYTHON_DOWNLOADS=never

uv="$(command -v "${UV:-uv}" || true)"
if [[ -z "$uv" ]]; then
    printf 'lock: uv is needed for this and for nothing else: pip install uv\n' >&2
    exit 2
fi
lock() {
    local name="$1"
    shift
    "$uv" pip compile pyproject.toml --quiet --universal --fork-strategy fewest --generate-hashes --no-header \
        --no-emit-index-url --no-annotate "$@" --output-file "requirements/$name.lock.txt" >/dev/null
    printf 'requirements/%s.lock.txt: %s packages\n' "$name" "$(grep -c == "requirements/$name.lock.txt")"
}
lock run --group build --extra explore
lock dev --group build --extra explore --group dev --constraints requirements/run.lock.txt
lock docs --group build --extra explore --group docs --constraints requirements/run.lock.txt --constraints requirements/dev.lock.txt
# PyTorch's plain wheel pulls gigabytes of CUDA packages: it is installed by itself (scripts/set_up.sh).
without_torch="$(mktemp)"
trap 'rm -f "$without_torch"' EXIT
printf "torch ; sys_platform == 'never'\n" >"$without_torch"
adapters=()
for extra in torch pfn hf tabpfn tabicl forecast; do adapters+=(--extra "$extra"); done
lock adapters --group build --group adapters "${adapters[@]}" --overrides "$without_torch" --no-emit-package torch \
    --constraints requirements/run.lock.txt --constraints requirements/dev.lock.txt --constraints requirements/docs.lock.txt
