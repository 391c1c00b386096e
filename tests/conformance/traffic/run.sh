#!/bin/sh
# run.sh [FLAG...] [SCENARIO...]: proves with real requests that the mesh does what the .mesh files of the scenarios say.
# README.md beside this file says how. Flags are those of cmd/traffic: -mutants COUNT, -environment NAME, -page FILE.
#
# MESHC              a meshc to check instead of building one
# CONFORMANCE_CACHE  where programs, logs and traffic.json go, default target/conformance
# Exit: 0 no problem, 1 problems, 2 not run.
set -eu
traffic=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$traffic/../../.." && pwd)
mkdir -p "${CONFORMANCE_CACHE:-$root/target/conformance}/bin"
out=$(cd "${CONFORMANCE_CACHE:-$root/target/conformance}" && pwd)

not_run() { # why
  echo "traffic: not run: $1" >&2
  printf '{"notRun": ["%s"]}\n' "$1" >"$out/traffic.json"
  exit 2
}
. "$traffic/prepare.sh"
if [ -z "${MESHC:-}" ]; then
  command -v cargo >/dev/null || not_run "cargo is missing: it builds meshc; MESHC=/path/to/meshc checks one that is built"
  cargo build --quiet --release --manifest-path "$root/Cargo.toml" -p meshc || not_run "meshc does not build"
  MESHC=${CARGO_TARGET_DIR:-$root/target}/release/meshc
fi
exec "$out/bin/traffic" -meshc "$MESHC" -scenarios "$traffic/scenarios" -out "$out/traffic" -results "$out/traffic.json" \
  -envoy "$envoy" -envoy-version "$envoy_version" -echo "$out/bin/echo" -prometheus "$(command -v prometheus || :)" \
  -bootstrap "$istio/tools/packaging/common/envoy_bootstrap.json" "$@"
