#!/bin/sh
# run.sh: checks that clusters would accept what meshc renders, that meshes then do what the .mesh files say, and how a
# commit gets from the deploy repository to the proxies.
# README.md beside this file says how.
#
# CONFORMANCE_PARTS  which parts, default "admission traffic controlplane"; the others are named as not run
# MESHC              a meshc to check instead of building one
# CONFORMANCE_CACHE  where the programs and results.json go, default target/conformance
# Exit: 0 no problem, 1 problems, 2 the check could not run.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
out=${CONFORMANCE_CACHE:-$root/target/conformance}

need() { # command, what for
  command -v "$1" >/dev/null || { echo "conformance: $1 is missing: $2" >&2; exit 2; }
}
need go "Go 1.26 or newer builds the checks"
[ -n "${MESHC:-}" ] || need cargo "it builds meshc; MESHC=/path/to/meshc checks one that is built"

mkdir -p "$out/bin"
out=$(cd "$out" && pwd)
. "$here/build.sh"
cargo=
if [ -z "${MESHC:-}" ]; then
  # Beside the Go programs: each of the two has times in which it needs one core alone.
  cargo build --quiet --release --manifest-path "$root/Cargo.toml" -p meshc &
  cargo=$!
  MESHC=${CARGO_TARGET_DIR:-$root/target}/release/meshc
fi
[ -x "$out/bin/analyzer" ] || echo "conformance: building Istio's analyzers, which takes minutes the first time" >&2
go -C "$here" build -o "$out/bin/" ./cmd/... || exit 2
go -C "$here/analyzer" build -o "$out/bin/" . || exit 2
[ -z "$cargo" ] || wait "$cargo" || exit 2
status=0
part() { # name, command...
  name=$1
  shift
  case " ${CONFORMANCE_PARTS:-admission traffic controlplane} " in
  *" $name "*)
    rc=0
    "$@" || rc=$?
    case $rc in
    0) ;;
    2) [ "$status" != 0 ] || status=2 ;; # a problem counts more than what could not run
    *) status=1 ;;
    esac
    ;;
  *) echo "$name: not run: CONFORMANCE_PARTS leaves it out" ;;
  esac
}
part admission "$out/bin/conformance" -root "$root" -meshc "$MESHC" -out "$out/results.json"
part traffic env MESHC="$MESHC" CONFORMANCE_CACHE="$out" "$here/traffic/run.sh" -page "$root/docs/conformance.md" -readme "$root/README.md"
part controlplane env MESHC="$MESHC" CONFORMANCE_CACHE="$out" "$here/controlplane/run.sh"
exit "$status"
