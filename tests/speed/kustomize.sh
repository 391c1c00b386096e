#!/usr/bin/env bash
# Renders the same objects with meshc and with `kubectl kustomize`, and says how much longer kustomize takes.
#
# meshc reads a generated project of 100 services and writes three environments, patched: a whole process, from files to
# files. kustomize reads what meshc has rendered without patches, and applies the same patches: one process for each
# environment, to a file. That both have made the same objects is checked before anything is timed.
#
# usage: tests/speed/kustomize.sh [SERVICES] [RUNS]
set -euo pipefail

services=${1:-100}
runs=${2:-5}
cd "$(dirname "$0")/../.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cargo build --quiet --release --package meshc
cargo run --quiet --release --package meshc-tests --example generate -- "$folder/project" "$services"
target=${CARGO_TARGET_DIR:-target}
meshc=$(cd "$target/release" && pwd)/meshc
environments="dev staging prod"

render() { # PROJECT OUT
    "$meshc" -C "$1" render --out "$2" --state "$1/deploy" >/dev/null
}

# The project without its patches, for kustomize to start from.
cp -r "$folder/project" "$folder/plain"
find "$folder/plain" -name '*.mesh' -exec sed -i '/^ *patch /d' {} +
render "$folder/project" "$folder/patched"
render "$folder/plain" "$folder/unpatched"

objects=0
for environment in $environments; do
    mkdir -p "$folder/overlay/$environment"
    {
        printf 'resources:\n  - ../../unpatched/%s\npatches:\n' "$environment"
        # In the order in which the project's files state them.
        cat "$folder/project/environments/$environment.mesh" "$folder/project/teams/"*".$environment.mesh" |
            sed -n 's/^ *patch *"\.\.\/\(.*\)"$/\1/p' |
            while read -r patches; do grep -v '^patches:$' "$folder/project/$patches"; done
    } >"$folder/overlay/$environment/kustomization.yaml"
    kubectl kustomize "$folder/overlay/$environment" >"$folder/theirs.yaml"
    kubectl kustomize "$folder/patched/$environment" >"$folder/ours.yaml"
    cmp "$folder/ours.yaml" "$folder/theirs.yaml"
    objects=$((objects + $(grep -c '^kind: ' "$folder/ours.yaml")))
done

# The fastest of some runs, in milliseconds.
fastest() { # COMMAND…
    local best='' start end
    for _ in $(seq "$runs"); do
        start=$(date +%s%N)
        "$@"
        end=$(date +%s%N)
        if [ -z "$best" ] || [ $((end - start)) -lt "$best" ]; then best=$((end - start)); fi
    done
    echo $((best / 1000000))
}

ours() {
    rm -rf "$folder/out"
    render "$folder/project" "$folder/out"
}

theirs() {
    for environment in $environments; do
        kubectl kustomize "$folder/overlay/$environment" >"$folder/theirs.yaml"
    done
}

meshc_ms=$(fastest ours)
kustomize_ms=$(fastest theirs)
echo "$services services, three environments, $objects objects, fastest of $runs runs on $(nproc) cores:"
echo "  meshc              $meshc_ms ms  (reads .mesh files, checks, renders, patches, writes)"
echo "  kubectl kustomize  $kustomize_ms ms  (reads rendered files, patches, writes)"
awk -v a="$kustomize_ms" -v b="$meshc_ms" 'BEGIN { printf "  ratio              %.1f\n", a / b }'
