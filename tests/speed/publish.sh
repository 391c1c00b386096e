#!/usr/bin/env bash
# publish.sh [SERVICES [RUNS]]: whole processes of `meshc publish` in a generated project with the embedded repository.
#
# In one run on one machine: the first publish of three environments with all its steps, a further one that finds nothing
# to do, and, as medians, one changed service in one environment beside `meshc render` of the same and `git commit` of the
# same files in a clone. 3,200 services are about 30,000 files.
set -euo pipefail
cd "$(dirname "$0")/../.."
services=${1:-3200} runs=${2:-11}

. tests/speed/prepare.sh
prepare meshc generate -- git python3

target/release/generate "$services" "$work/generated"
project=$work/generated/project
meshc() { target/release/meshc -q -C "$project" "$@"; }
took() { # command...: microseconds
  local begin end
  begin=$(date +%s%N); "$@" >"$work/out"; end=$(date +%s%N)
  echo $(((end - begin) / 1000))
}
median() { sort -n | sed -n "$(((runs + 1) / 2))p"; }

first=$(took meshc publish --until-done --settle 0s)
deploy=$project/.meshc/deploy.git
commits=$(git -C "$deploy" rev-list --count main)
files=$(git -C "$deploy" ls-tree -r --name-only main | wc -l)
tip=$(git -C "$deploy" rev-parse main)
again=$(took meshc publish --until-done --settle 0s)
[ "$(git -C "$deploy" rev-parse main)" = "$tip" ] || { echo "publish.sh: a further publish made a commit" >&2; exit 1; }

# The pool of one service, to another size each time.
edit() { # number
  python3 - "$project" "$1" <<'PY'
import pathlib, re, sys
for path in sorted(pathlib.Path(sys.argv[1], "teams").glob("*.mesh")):
    text = path.read_text()
    new = re.sub(r"(connection-pool \{ requests )\d+", rf"\g<1>{900 + int(sys.argv[2])}", text, count=1)
    if new != text:
        path.write_text(new)
        sys.exit()
sys.exit("no service has a pool")
PY
}
git clone -q "$deploy" "$work/clone"
ones='' renders='' gits=''
for n in $(seq "$runs"); do
  edit "$n"
  before=$(git -C "$deploy" rev-parse main)
  ones+="$(took meshc publish --env dev --settle 0s)"$'\n'
  changed=$(git -C "$deploy" diff --name-only "$before" main | wc -l)
  [ "$changed" -gt 0 ] || { echo "publish.sh: the change was not published" >&2; exit 1; }
  renders+="$(took meshc render --env dev --out "$work/rendered")"$'\n'
  git -C "$work/clone" fetch -q
  git -C "$work/clone" diff --name-only "$before" origin/main >"$work/changed"
  git -C "$work/clone" reset -q --hard "$before"
  git -C "$work/clone" checkout -q origin/main --pathspec-from-file="$work/changed" && git -C "$work/clone" reset -q
  by_git() { git -C "$work/clone" add --pathspec-from-file="$work/changed" && git -C "$work/clone" commit -q -m change; }
  gits+="$(took by_git)"$'\n'
done
one=$(printf %s "$ones" | median) render=$(printf %s "$renders" | median) by_git=$(printf %s "$gits" | median)
python3 - "$services" "$files" "$commits" "$runs" "$changed" "$first" "$again" "$one" "$render" "$by_git" <<'PY'
import sys
services, files, commits, runs, changed, first, again, one, render, by_git = map(int, sys.argv[1:])
ms = lambda us: f"{us / 1000:,.0f} ms"
print(f"{services} services, {files} files, three environments, whole processes")
print(f"first publish, until done, {commits} commits       {ms(first)}")
print(f"a further publish, no commit                {ms(again)}")
print(f"one changed service, one environment        {ms(one)}   median of {runs}; the last changed {changed} files")
print(f"meshc render of that environment            {ms(render)}   publishing takes {one / render:.2f} of it")
print(f"git add and git commit of the same files    {ms(by_git)}")
PY
