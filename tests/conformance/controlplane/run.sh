#!/bin/sh
# run.sh [FLAG...]: proves what happens between a commit and the cluster, with Flux's controller and a real API server, then
# measures a rollback from `make rollback` to the last request. README.md beside this file says how. Flags are those of
# ../traffic/cmd/timeline: -repeat COUNT, -polls COUNT, -interval DURATION.
#
# CONTROLPLANE_PARTS  which of "apply timeline", default both; the other is named as not run
# MESHC               a meshc to check instead of building one
# CONFORMANCE_CACHE   where programs, logs, controlplane.json and timeline.json go, default target/conformance
# Exit: 0 no problem, 1 problems, 2 not run.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
traffic=$here/../traffic
root=$(cd "$here/../../.." && pwd)
mkdir -p "${CONFORMANCE_CACHE:-$root/target/conformance}/bin"
out=$(cd "${CONFORMANCE_CACHE:-$root/target/conformance}" && pwd)
kubernetes=v1.36.1
part=controlplane

not_run() { # why
  echo "$part: not run: $1" >&2
  printf '{"notRun": "%s"}\n' "$1" >"$out/$part.json"
  exit 2
}
rm -f "$out/controlplane.json" "$out/timeline.json" # what is not run must not look like the last run
[ "$(uname -s)" = Linux ] || not_run "it needs Linux: what it starts ends with it"
command -v go >/dev/null || not_run "go is missing: Go 1.26 or newer builds the control plane"
command -v git >/dev/null || not_run "git is missing: it serves the deploy repository"
[ -x "$(git --exec-path)/git-http-backend" ] || not_run "git's http-backend is missing: it serves the deploy repository"
command -v kubectl >/dev/null || not_run "kubectl is missing: it applies what meshc bootstrap writes"
command -v make >/dev/null || not_run "make is missing: it rolls back"

. "$here/../build.sh"
build() { # folder, package, program, linker flags
  [ -x "$out/bin/$3" ] || echo "controlplane: building $3, which takes minutes the first time" >&2
  go -C "$here/$1" build -ldflags "-s -w $4" -o "$out/bin/$3" "$2" || not_run "$3 does not build"
}
build etcd go.etcd.io/etcd/server/v3 etcd ""
# Without its version kubectl cannot read what it is.
build apiserver k8s.io/kubernetes/cmd/kube-apiserver kube-apiserver \
  "-X k8s.io/component-base/version.gitVersion=$kubernetes -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=36"
build kustomize github.com/fluxcd/kustomize-controller kustomize-controller ""
go -C "$here" build -o "$out/bin/" ./cmd/... || not_run "it does not build"

module() { # folder, module@version: the module's folder
  go -C "$here/$1" mod download -json "$2" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p'
}
kustomize=$(go -C "$here/kustomize" list -m -f '{{.Dir}}' github.com/fluxcd/kustomize-controller)
# Releases of which the module can be had; the fields that are used are those of 1.9 in all of them.
source=$(module . github.com/fluxcd/source-controller@v1.9.4)
notification=$(module . github.com/fluxcd/notification-controller@v1.9.3)
istio_api=$(module . istio.io/api@v1.31.1)
[ -n "$source" ] && [ -n "$notification" ] && [ -n "$istio_api" ] || not_run "the definitions of Flux's or Istio's kinds cannot be downloaded"
definitions=$istio_api/kubernetes/customresourcedefinitions.gen.yaml
definitions=$definitions,$kustomize/config/crd/bases/kustomize.toolkit.fluxcd.io_kustomizations.yaml
for kind in gitrepositories ocirepositories buckets; do
  definitions=$definitions,$source/config/crd/bases/source.toolkit.fluxcd.io_$kind.yaml
done
definitions=$definitions,$notification/config/crd/bases/notification.toolkit.fluxcd.io_receivers.yaml

if [ -z "${MESHC:-}" ]; then
  command -v cargo >/dev/null || not_run "cargo is missing: it builds meshc; MESHC=/path/to/meshc checks one that is built"
  cargo build --quiet --release --manifest-path "$root/Cargo.toml" -p meshc || not_run "meshc does not build"
  MESHC=${CARGO_TARGET_DIR:-$root/target}/release/meshc
fi

common() { # program, its flags: with those that both programs have
  program=$1
  shift
  "$out/bin/$program" -meshc "$MESHC" -project "$here/shop" -etcd "$out/bin/etcd" -apiserver "$out/bin/kube-apiserver" \
    -kustomize "$out/bin/kustomize-controller" -definitions "$definitions" -out "$out/$program" "$@"
}
apply() { common controlplane -results "$out/controlplane.json"; }
timeline() {
  part=timeline
  . "$traffic/prepare.sh"
  common timeline -results "$out/timeline.json" -traffic "$out/bin/traffic" -echo "$out/bin/echo" -envoy "$envoy" \
    -bootstrap "$istio/tools/packaging/common/envoy_bootstrap.json" -envoy-version "$envoy_version" \
    -istio-version "$(go -C "$traffic" list -m -f '{{.Version}}' istio.io/istio)" \
    -kustomize-version "$(go -C "$here/kustomize" list -m -f '{{.Version}}' github.com/fluxcd/kustomize-controller)" "$@"
}
status=0
for name in apply timeline; do
  case " ${CONTROLPLANE_PARTS:-apply timeline} " in
  *" $name "*)
    rc=0
    ("$name" "$@") || rc=$?
    # A problem counts more than what could not run.
    [ "$rc" = 0 ] || [ "$status" = 1 ] || status=$rc
    ;;
  *) echo "controlplane: $name: not run: CONTROLPLANE_PARTS leaves it out" ;;
  esac
done
exit "$status"
