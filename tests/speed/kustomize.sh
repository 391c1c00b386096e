#!/usr/bin/env bash
# kustomize.sh [SERVICES [RUNS]]: the same objects by `meshc` and by `kubectl kustomize`, from one run on one machine.
#
# Both patch the same resources of a generated project (100 services, three environments) with the same patches.
# `meshc` does all of its work: it reads and checks the sources, renders, patches and prints. `kubectl kustomize` reads
# the rendered, unpatched YAML, patches it and prints. That their objects are equal is checked before anything is timed.
set -euo pipefail
cd "$(dirname "$0")/../.."
services=${1:-100} runs=${2:-5}

. tests/speed/prepare.sh
prepare meshc generate -- git kubectl python3
meshc=$PWD/target/release/meshc
"$PWD/target/release/generate" "$services" "$work"

# The same project without its patches, which kustomize then applies.
cp -r "$work/project" "$work/plain"
find "$work/plain" -name '*.mesh' -exec sed -i '/^ *patch /d' {} +
"$meshc" -q -C "$work/plain" render --state "$work/deploy" --out "$work/unpatched"
"$meshc" -q -C "$work/project" render --state "$work/deploy" --out "$work/patched"

if diff -rq "$work/unpatched" "$work/patched" > /dev/null; then
  echo "kustomize.sh: the patches change nothing, so there is nothing to compare" >&2
  exit 1
fi

environments=$(cd "$work/patched" && ls)
for environment in $environments; do
  python3 - "$work" "$environment" <<'PY'
import pathlib, re, sys
work, environment = pathlib.Path(sys.argv[1]), sys.argv[2]
overlay = work / "overlay" / environment
overlay.mkdir(parents=True)
lines = ["apiVersion: kustomize.config.k8s.io/v1beta1", "kind: Kustomization", "resources:", f"- ../../unpatched/{environment}", "patches:"]
for source in sorted((work / "project").rglob("*.mesh")):
    text = source.read_text()
    block = re.search(rf"^environment {environment} \{{(.*?)^\}}", text, re.S | re.M)
    for name in re.findall(r'^ *patch +(.*?)$', block.group(1) if block else "", re.M):
        for quoted in re.findall(r'"([^"]+)"', name):
            entries = (source.parent / quoted).read_text()
            body = entries.split("patches:", 1)[1] if "patches:" in entries else entries
            lines.append(body.strip("\n"))
(overlay / "kustomization.yaml").write_text("\n".join(lines) + "\n")
PY
  kubectl kustomize "$work/overlay/$environment" > "$work/by-kustomize"
  kubectl kustomize "$work/patched/$environment" > "$work/by-meshc"
  cmp -s "$work/by-kustomize" "$work/by-meshc" || { echo "kustomize.sh: the objects of $environment differ" >&2; exit 1; }
done

by_meshc() { for e in $environments; do "$meshc" -q -C "$work/project" render --env "$e" --state "$work/deploy"; done; }
by_kustomize() { for e in $environments; do kubectl kustomize "$work/overlay/$e"; done; }
seconds() { # command: the median of all runs
  for _ in $(seq "$runs"); do
    local begin end
    begin=$(date +%s%N); "$1" > "$work/out"; end=$(date +%s%N)
    echo $((end - begin))
  done | sort -n | sed -n "$(((runs + 1) / 2))p"
}
ours=$(seconds by_meshc) theirs=$(seconds by_kustomize)
python3 - "$services" "$runs" "$ours" "$theirs" <<'PY'
import sys
services, runs, ours, theirs = sys.argv[1], sys.argv[2], int(sys.argv[3]) / 1e9, int(sys.argv[4]) / 1e9
print(f"{services} services, three environments, median of {runs} runs, whole processes, one for each environment:")
print(f"  meshc (read, check, render, patch, print)  {ours:.3f} s")
print(f"  kubectl kustomize (read, patch, print)     {theirs:.3f} s")
print(f"  ratio                                      {theirs / ours:.1f}")
PY
