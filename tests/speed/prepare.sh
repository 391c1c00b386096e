# Sourced by the scripts beside it, which measure whole processes: builds what they name, and gives `work`, a folder that
# goes when the script ends, with a git configuration of its own.

prepare() { # the programs to build, "--" and the tools that are needed
  local bins=()
  while [ "$1" != -- ]; do bins+=(--bin "$1"); shift; done
  shift
  for tool in cargo "$@"; do
    command -v "$tool" >/dev/null || { echo "${0##*/}: $tool is missing" >&2; exit 2; }
  done
  cargo build -q --release -p meshc -p meshc-tests "${bins[@]}"
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  export GIT_CONFIG_GLOBAL="$work/gitconfig" GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_COUNT=0
  git config --global user.name Ada && git config --global user.email ada@shop.example
  git config --global gc.auto 0 && git config --global maintenance.auto false
}
