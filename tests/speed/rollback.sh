#!/usr/bin/env bash
# rollback.sh [FILES [COMMITS [RUNS]]]: a rollback in a large deploy repository, against less that does as much.
#
# In one run on one machine, medians: the whole process of `meshc rollback` with the embedded repository (no network, no
# push), its commit part against a bare `TreeUpdateBuilder` commit, `git commit` of the same two files in a clone, and
# the script in that clone, which fetches and pushes.
set -euo pipefail
cd "$(dirname "$0")/../.."
files=${1:-30000} commits=${2:-10000} runs=${3:-21}

. tests/speed/prepare.sh
prepare meshc commit_part -- git python3
meshc=$PWD/target/release/meshc
part=$PWD/target/release/commit_part

mkdir "$work/project"
cat > "$work/project/shop.mesh" <<'MESH'
mesh shop { namespace shop; mtls strict; authorization deny-by-default }
service web {
  port 80 -> 8080 http; version v1 -> v2; allow anyone
  canary { stage 5% for 2m; stage 100% for 1h; abort when error-rate > 1%; require 200 requests; on no-data hold }
}
environment prod { target istio 1.31 }
MESH
"$meshc" -q -C "$work/project" publish --settle 0s --until-done
deploy=$work/project/.meshc/deploy.git

# A promote to 5 %, 30,000 files of other namespaces, and a history of commits to one of them each.
python3 - "$deploy" "$files" "$commits" <<'PY' | git -C "$deploy" fast-import --quiet --force
import subprocess, sys
deploy, files, commits = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
show = lambda path: subprocess.run(["git", "-C", deploy, "show", f"main:{path}"], check=True, capture_output=True, text=True).stdout
route = show("prod/shop/web/virtual-service.yaml").replace("weight: 100", "weight: 95").replace("weight: 0", "weight: 5")
state = show("state/prod/shop/web.json").replace('"weight": 0', '"weight": 5')
out = sys.stdout.buffer
def data(text):
    text = text.encode()
    out.write(b"data %d\n" % len(text) + text + b"\n")
def commit(changes, n):
    out.write(b"commit refs/heads/main\ncommitter Ada <ada@shop.example> %d +0000\n" % (1700000000 + n))
    data(f"commit {n}\n")
    if n == 0:
        out.write(b"from refs/heads/main^0\n")
    for path, text in changes:
        out.write(f"M 100644 inline {path}\n".encode())
        data(text)
path = lambda n: f"prod/ns{n // 300:03}/svc{n % 300 // 3:03}/{['virtual-service', 'destination-rule', 'authorization-policy'][n % 3]}.yaml"
commit([("prod/shop/web/virtual-service.yaml", route), ("state/prod/shop/web.json", state)] +
       [(path(n), f"kind: X\nn: {n}\n") for n in range(files)], 0)
for n in range(1, commits):
    commit([(path(n * 7919 % files), f"kind: X\nn: {n} again\n")], n)
PY
git -C "$deploy" repack -adq
git clone -q "$deploy" "$work/clone"
tip=$(git -C "$deploy" rev-parse main)
reset() { git -C "$deploy" update-ref refs/heads/main "$tip"; }

whole() { "$meshc" -q -C "$work/project" rollback; }
script() { make -s -C "$work/clone" rollback > "$work/out"; }
by_git() {
  cp "$work/clone/rollback/prod/shop.web/files/prod/shop/web/virtual-service.yaml" "$work/clone/prod/shop/web/"
  echo "by: Ada" > "$work/clone/state/prod/shop/web.hold"
  git -C "$work/clone" add prod/shop/web/virtual-service.yaml state/prod/shop/web.hold
  git -C "$work/clone" commit -q -m rollback
}
undo_git() { git -C "$work/clone" reset -q --hard "$tip"; }
median() { # command, undo: microseconds
  for _ in $(seq "$runs"); do
    local begin end
    begin=$(date +%s%N); "$1"; end=$(date +%s%N)
    echo $(((end - begin) / 1000))
    "$2"
  done | sort -n | sed -n "$(((runs + 1) / 2))p"
}

a=$(median whole reset)
b=$(median script reset)
c=$(median by_git undo_git)
read -r ours bare < <("$part" "$work/project" "$runs")
python3 - "$files" "$commits" "$runs" "$a" "$b" "$c" "$ours" "$bare" <<'PY'
import sys
files, commits, runs, whole, script, by_git, ours, bare = map(int, sys.argv[1:])
ms = lambda us: f"{us / 1000:.1f} ms"
print(f"{files} files, {commits} commits, medians of {runs} runs")
print(f"meshc rollback, whole process, no network   {ms(whole)}")
print(f"its commit part                             {ms(ours)}")
print(f"bare TreeUpdateBuilder commit               {ms(bare)}   ratio {ours / bare:.2f}")
print(f"git add and git commit in a clone           {ms(by_git)}   meshc rollback takes {whole / by_git:.2f} of it")
print(f"the script by make, with fetch and push     {ms(script)}")
PY
