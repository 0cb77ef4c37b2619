#!/usr/bin/env bash
# The benchmarks that a GPU is wanted for, on a machine that may have no network.
#
#   scripts/gpu_matrix.sh prepare FOLDER [PACKAGE...]
#       where there is a network: sources and wheels into one folder. PACKAGEs are those that needn't
#       be carried, because the other machine has them. PYTHON_VERSION (3.12) is the other machine's,
#       LIMIT_MIB (64) the largest size of the folder.
#   FOLDER/source/scripts/gpu_matrix.sh run FOLDER [OPTION...]
#       where the GPU is, with PyTorch or JAX for it: installs what is missing into the folder, and
#       measures what its rows lack. Options are those of `python -m benchmarks matrix`.
set -euo pipefail

usage() {
    sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0" >&2
    [ $# -eq 0 ] || echo "error: $1" >&2
    exit 2
}
case ${1-} in
prepare | run) [ $# -ge 2 ] || usage "$1 takes a FOLDER" ;;
'') usage ;;
*) usage "expected prepare or run. Received: $1" ;;
esac
command=$1
folder=$(realpath -m "$2")
shift 2

case $command in
prepare)
    cd "$(dirname "${BASH_SOURCE[0]}")/.."
    rm -rf "$folder/source" "$folder/wheels"
    mkdir -p "$folder/source" "$folder/wheels"
    # What is committed, so that rows can name its commit. No data set: the suite draws its images.
    git rev-parse HEAD >"$folder/commit"
    git archive HEAD benchmarks scripts zoo pyproject.toml | tar -x -C "$folder/source"
    python3 - <<'PYTHON' >"$folder/requirements.txt"
import tomllib

with open("pyproject.toml", "rb") as file:
    print("\n".join(tomllib.load(file)["project"]["dependencies"]))
PYTHON
    platforms=()
    for version in 17 24 26 27 28; do platforms+=(--platform "manylinux_2_${version}_x86_64"); done
    python3 -m pip download --quiet --dest "$folder/wheels" --only-binary=:all: \
        --python-version "${PYTHON_VERSION:-3.12}" "${platforms[@]}" --platform manylinux2014_x86_64 \
        --requirement "$folder/requirements.txt"
    for package in "$@"; do rm -f "$folder/wheels/${package//-/_}"-*.whl; done
    size=$(du -sm "$folder" | cut -f 1)
    echo "$folder: $size MiB, $(find "$folder/wheels" -name '*.whl' | wc -l) wheels"
    if [ "$size" -gt "${LIMIT_MIB:-64}" ]; then
        echo "error: that is over ${LIMIT_MIB:-64} MiB; name packages that the machine has:" >&2
        (cd "$folder/wheels" && du -m -- *.whl | sort -rn | head -5) >&2
        exit 1
    fi
    ;;
run)
    [ -f "$folder/commit" ] || { echo "error: $folder isn't a folder that prepare made" >&2 && exit 2; }
    export PYTHONPATH="$folder/source:$folder/site${PYTHONPATH:+:$PYTHONPATH}"
    # Only what is missing, and into the folder: the machine's own environment stays as it is.
    install=(python3 -m pip install --quiet --no-index --find-links "$folder/wheels")
    "${install[@]}" --dry-run --report "$folder/missing.json" --requirement "$folder/requirements.txt"
    mapfile -t missing < <(python3 - "$folder/missing.json" <<'PYTHON'
import json
import sys

with open(sys.argv[1]) as file:
    for item in json.load(file)["install"]:
        print("{name}=={version}".format_map(item["metadata"]))
PYTHON
    )
    if [ ${#missing[@]} -gt 0 ]; then
        "${install[@]}" --no-deps --no-compile --target "$folder/site" "${missing[@]}"
    fi
    ZOO_BENCHMARKS_COMMIT=$(cat "$folder/commit")
    export ZOO_BENCHMARKS_COMMIT
    cd "$folder"
    exec python3 -m benchmarks matrix --out rows.jsonl "$@"
    ;;
esac
