# build.sh: how the checks are compiled. Sourced by each run.sh, so that they share what is compiled already.
#
# Without information for debuggers, the modules of Istio, Kubernetes and Flux take a sixth less time: from nothing that is
# half of a run.
export GOFLAGS="$(go env GOFLAGS) -gcflags=all=-dwarf=false -ldflags=-s"
