#!/bin/sh
# meshc rollback, version 1
#
# Rolls releases back with git alone: one commit on top of the server's branch, made of files that were published
# beforehand, and a hold that keeps it so. Works in any clone of this repository, and touches no index, work tree,
# branch or HEAD of it. Written by `meshc publish`, which replaces it by newer versions only.
#
#   sh rollback.sh [rollback|resume|rehearse|status|help] [SERVICE=…] [ENV=…] [REASON=…] [ALL=1] [PUSH=1]
set -euf
branch='main'

action=${1:-rollback}
[ $# -eq 0 ] || shift
service=${SERVICE-} env=${MESH_ENV-} reason=${REASON-} all=${MESH_ALL-} push=${MESH_PUSH-}
for word in "$@"; do
  case $word in
    SERVICE=*) service=${word#*=} ;;
    ENV=*) env=${word#*=} ;;
    REASON=*) reason=${word#*=} ;;
    ALL=*) all=${word#*=} ;;
    PUSH=*) push=${word#*=} ;;
    *) echo "$action: \`$word\` is not understood; see: sh rollback.sh help" >&2; exit 2 ;;
  esac
done

# The codes are those of docs/exit-codes.md; make turns every one of them into 2.
die() { echo "$action: $1" >&2; exit "${2:-1}"; }

# Nothing that a person's configuration says may leave traces in their clone, or move it.
git() {
  command git -c gc.auto=0 -c maintenance.auto=false -c core.splitIndex=false -c core.fsmonitor=false \
    -c core.untrackedCache=false -c core.logAllRefUpdates=false -c index.sparse=false -c diff.relative=false \
    -c push.followTags=false -c http.lowSpeedLimit=1 -c http.lowSpeedTime=10 "$@"
}

help() {
  cat <<'TEXT'
make status                what is published, what is being released, what is held
make rollback              all requests back to the old version, and keep them there; asks where several are released
make rollback SERVICE=shop/web ENV=prod REASON='errors after the release'
make rollback ALL=1 ENV=prod
make resume SERVICE=shop/web   ends the hold: the release starts again at 0 %
make rehearse              proves that a rollback applies now, and changes nothing; PUSH=1 proves that you may push
make promote               opens the next stage where its gates allow it (needs meshc)
TEXT
}

now() { # seconds since 1970, whatever dates are set for commits
  (unset GIT_COMMITTER_DATE; set -- $(git var GIT_COMMITTER_IDENT); while [ $# -gt 2 ]; do shift; done; echo "$1")
}

setup() {
  case $env in *[!a-zA-Z0-9._-]*) die "ENV=$env is no name of a folder" 2 ;; esac
  command -v git >/dev/null 2>&1 || die "git is missing" 3
  git rev-parse --git-dir >/dev/null 2>&1 || die "this is not a clone of the deploy repository: run it in one"
  remote=${MESH_REMOTE-}
  if [ -z "$remote" ]; then
    remotes=$(git remote)
    case $remotes in
      '') die "this clone has no remote: add the server with \`git remote add origin URL\`" ;;
      *[!a-zA-Z0-9._/-]*) remote=origin ;;
      *) remote=$remotes ;;
    esac
  fi
  # To push to a URL leaves the references of this clone that follow the server as they are.
  url=$(git remote get-url --push -- "$remote" 2>/dev/null) || url=$remote
  tmp=$(mktemp -d "${TMPDIR:-/tmp}/meshc.XXXXXX")
  ref=refs/meshc/${tmp##*/}
  GIT_INDEX_FILE=$tmp/index GIT_TERMINAL_PROMPT=${GIT_TERMINAL_PROMPT:-1} LC_ALL=C
  export GIT_INDEX_FILE GIT_TERMINAL_PROMPT LC_ALL
  trap 'git update-ref -d "$ref" 2>/dev/null || :
    rmdir "$(git rev-parse --git-path refs/meshc)" 2>/dev/null || :
    rm -rf "$tmp"' EXIT
  trap 'exit 130' INT TERM HUP
  if ! git var GIT_AUTHOR_IDENT >/dev/null 2>&1 || ! git var GIT_COMMITTER_IDENT >/dev/null 2>&1; then
    GIT_AUTHOR_NAME=${USER:-release-manager} GIT_AUTHOR_EMAIL=${USER:-release-manager}@localhost
    GIT_COMMITTER_NAME=$GIT_AUTHOR_NAME GIT_COMMITTER_EMAIL=$GIT_AUTHOR_EMAIL
    export GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL
  fi
  who=$(git var GIT_AUTHOR_IDENT) who=${who%>*}\>
  at=$(git var GIT_COMMITTER_IDENT) at=${at##*> }
  why=$(printf '%s' "$reason" | tr '\001-\037\177' ' ' | sed 's/^ *//; s/ *$//')
  # commit-tree does not read commit.gpgsign.
  sign=
  [ "$(git config --bool commit.gpgsign || :)" != true ] || sign=-S
}

fetch() { # sets tip
  set -- -q --no-tags --refmap= --no-recurse-submodules "$remote" "+refs/heads/$branch:$ref"
  code=0
  git fetch --no-write-fetch-head "$@" 2>"$tmp/err" || code=$?
  # git before 2.29 does not know the option.
  [ $code -ne 129 ] || { code=0; git fetch "$@" 2>"$tmp/err" || code=$?; }
  if [ $code -ne 0 ]; then
    cat "$tmp/err" >&2
    code=0
    git ls-remote --exit-code "$remote" "refs/heads/$branch" >/dev/null 2>&1 || code=$?
    [ $code -ne 2 ] || die "\`$remote\` has no branch \`$branch\`: nothing is published there yet (\`meshc publish\` does that)"
    echo "until it can be, any clone has what to apply by hand:" >&2
    echo "  kubectl apply -R -f rollback/FOLDER/NAMESPACE.SERVICE/files" >&2
    die "\`$remote\` cannot be reached" 5
  fi
  tip=$(git rev-parse --verify "$ref^{commit}")
}

entries() { # names of the folders in a folder of the tip; what is no name of ours is passed over
  git ls-tree --full-tree -d --name-only "$tip:$1" 2>/dev/null | while IFS= read -r name; do
    case $name in *[!a-zA-Z0-9._-]*) ;; *) printf '%s\n' "$name" ;; esac
  done
}

has() { [ -n "$(git ls-tree --full-tree "$tip" -- "$1")" ]; }

hold_of() { echo "state/$1/${2%%.*}/${2#*.}.hold"; }

standing() { # FOLDER NS.SERVICE: held, running, or waiting at 0 %
  if has "$(hold_of "$1" "$2")"; then echo held; return; fi
  live=$tip:$1/${2%%.*}/${2#*.}
  if git rev-parse -q --verify "$live" >/dev/null 2>&1 &&
    [ -z "$(git diff-tree -r --no-renames --diff-filter=AMT --name-only "$live" "$tip:rollback/$1/$2/files/$1/${2%%.*}/${2#*.}")" ]; then
    echo waiting
  else
    echo running
  fi
}

text() { git cat-file blob "$tip:$1" 2>/dev/null || :; }

# For people only: nothing is decided by what it finds.
weight_of() { text "state/$1/${2%%.*}/${2#*.}.json" | sed -n 's/^  "weight": \([0-9]*\).*/\1/p' | head -n 1; }

show() { # FOLDER NS.SERVICE STANDING
  percent=$(weight_of "$1" "$2")
  echo "  ENV=$1 SERVICE=${2%%.*}/${2#*.}  $3${percent:+, $percent % recorded for the new version}"
  [ "$3" != held ] || text "$(hold_of "$1" "$2")" | sed 's/^/      /'
}

candidates() { # KIND (rollback or state): lines of FOLDER NS.SERVICE STANDING, of what SERVICE and ENV name
  for folder in ${env:-$(entries "$1")}; do
    if [ "$1" = rollback ]; then
      list=$(entries "rollback/$folder")
    else
      list=$(git ls-tree --full-tree -r --name-only "$tip:state/$folder" 2>/dev/null |
        sed -n 's/^\([a-zA-Z0-9_-]*\)\/\([a-zA-Z0-9._-]*\)\.hold$/\1.\2/p')
    fi
    for one in $list; do
      case $service in
        '') ;;
        */*) [ "$one" = "${service%%/*}.${service#*/}" ] || continue ;;
        *) [ "${one#*.}" = "$service" ] || continue ;;
      esac
      if [ "$1" = rollback ]; then echo "$folder $one $(standing "$folder" "$one")"; else echo "$folder $one held"; fi
    done
  done
}

choose() { # KIND: sets folder and pick, or says which there are
  candidates "$1" >"$tmp/all"
  # Who names no service means one that has requests on the new version or is held: then twice is the same twice.
  if [ -z "$service" ] && grep -qv ' waiting$' "$tmp/all"; then
    grep -v ' waiting$' "$tmp/all" >"$tmp/some"
    mv "$tmp/some" "$tmp/all"
  fi
  pick= folder= n=0 many=
  while read -r f one state; do
    n=$((n + 1)) pick="$pick $one"
    [ -z "$folder" ] || [ "$folder" = "$f" ] || many=1
    folder=$f
  done <"$tmp/all"
  if [ $n -eq 0 ]; then
    what="has no rollback prepared"
    [ "$1" = rollback ] || what="is not held"
    [ "$1" = state ] || what="$what: nothing is being released, or the release is over and the old version is not kept any more"
    die "${service:-no service}${env:+ in $env} $what (at $tip)"
  fi
  if [ -n "$many" ] || { [ $n -gt 1 ] && [ "$all" != 1 ]; }; then
    echo "$action: there are several; say one of these, or ALL=1 with ENV=…:" >&2
    while read -r f one state; do show "$f" "$one" "$state" >&2; done <"$tmp/all"
    exit 2
  fi
}

names() { # "shop/web, shop/api" of all that are picked
  names=
  for one in $pick; do names="$names${names:+, }${one%%.*}/${one#*.}"; done
}

held_files() { # the files of all that are picked, as they are under a hold
  for one in $pick; do
    git ls-tree --full-tree -r "$tip:rollback/$folder/$one/files" 2>/dev/null ||
      [ "$action" = resume ] || die "no rollback of ${one%%.*}/${one#*.} is prepared any more in $folder at $tip"
  done
}

with() { # lines for the index on standard input: sets tree
  git read-tree "$tip"
  git update-index --index-info <"$tmp/new"
  tree=$(git write-tree --missing-ok)
}

message() { # OPERATION WHAT
  printf '%s(%s): %s %s\n\n%s\n\nMesh-Operation: %s\nMesh-Env: %s\n' "$1" "$folder" "$names" "$2" "${why:-no reason given}" "$1" "$folder"
  for one in $pick; do echo "Mesh-Service: ${one%%.*}/${one#*.}"; done
}

held() { # sets tree to the tip's with all that is picked under a hold
  hold=$(printf 'by: %s\nat: %s\nreason: %s\n' "$who" "$at" "$why" | git hash-object -w --stdin)
  held_files >"$tmp/new"
  for one in $pick; do
    path=$(hold_of "$folder" "$one")
    has "$path" || printf '100644 blob %s\t%s\n' "$hold" "$path"
  done >>"$tmp/new"
  with
}

begun() { # sets tree to the tip's without the holds, each release where it begins
  held_files >"$tmp/new"
  for one in $pick; do
    path=$(hold_of "$folder" "$one")
    has "$path" || continue
    zero=0000000000000000000000000000000000000000
    [ ${#tip} -eq 40 ] || zero=$zero$(printf '%.24s' $zero)
    printf '0 %s\t%s\n' "$zero" "$path" >>"$tmp/new"
    path=${path%.hold}.json
    text "$path" >"$tmp/state"
    stable=$(sed -n 's/^  "stable": \(".*"\),$/\1/p' "$tmp/state")
    canary=$(sed -n 's/^  "canary": \(".*"\),\{0,1\}$/\1/p' "$tmp/state")
    { grep -q '^  "schema": 1,$' "$tmp/state" && [ -n "$stable" ] && [ -n "$canary" ]; } ||
      die "$path cannot be read here: use \`meshc resume\`, or restore it from an earlier commit"
    blob=$(printf '{\n  "schema": 1,\n  "stable": %s,\n  "canary": %s,\n  "weight": 0\n}\n' "$stable" "$canary" |
      git hash-object -w --stdin)
    printf '100644 blob %s\t%s\n' "$blob" "$path" >>"$tmp/new"
  done
  with
}

push_it() { # COMMIT: success; 1 where somebody was faster; ends where the server refuses
  if git push -q --no-verify "$url" "$1:refs/heads/$branch" 2>"$tmp/err"; then return 0; fi
  # No word of the server is read: a tip that moved is a lost race, three refusals on one tip are a refusal.
  if [ "$tip" = "$last" ]; then stuck=$((stuck + 1)); else stuck=1 last=$tip; fi
  [ $stuck -ge 3 ] || return 1
  cat "$tmp/err" >&2
  short=$(printf '%.10s' "$1")
  echo "$action: the server refused it. Push it to a branch of its own, and open a pull request from there:" >&2
  echo "  git push $remote $1:refs/heads/meshc/$action-${folder:-branch}-$short" >&2
  exit 4
}

extend() { # MAKE WHAT DONE: one commit on top of the tip, again and again until it is there
  begin=$(now) try=0 stuck=0 last=
  fetch
  if [ "$1" = begun ]; then choose state; else choose rollback; fi
  names
  while :; do
    try=$((try + 1))
    $1
    if [ "$tree" = "$(git rev-parse "$tip^{tree}")" ]; then
      for one in $pick; do
        if [ "$1" = begun ]; then echo "not held: ${one%%.*}/${one#*.} in $folder"; continue; fi
        echo "already rolled back: ${one%%.*}/${one#*.} in $folder"
        text "$(hold_of "$folder" "$one")" | sed 's/^/  /'
      done
      return
    fi
    commit=$(message "$action" "$2" | git commit-tree $sign "$tree" -p "$tip")
    if push_it "$commit"; then
      echo "$3 $names in $folder: commit $commit, $(($(now) - begin)) s, attempt $try"
      return
    fi
    [ $(($(now) - begin)) -le 30 ] || { cat "$tmp/err" >&2; die "others were faster for 30 s: run it again" 5; }
    fetch
  done
}

rollback() { extend held "to stable" "rolled back"; }

resume() { extend begun "starts again at 0 %" "resumed"; }

rehearse() {
  begin=$(now) stuck=0 last= folder= found=
  fetch
  candidates rollback >"$tmp/every"
  while read -r folder one state; do
    found=1 pick=$one
    names
    held
    commit=$(message rollback "to stable" | git commit-tree $sign "$tree" -p "$tip")
    echo "$folder ${one%%.*}/${one#*.}: a rollback applies now, and changes"
    git diff-tree -p --no-renames --no-color "$tip" "$commit" | sed 's/^/  /'
  done <"$tmp/every"
  [ -n "$found" ] || echo "nothing is being released: there is nothing to roll back"
  if [ "$push" = 1 ]; then
    while :; do
      commit=$(printf 'rehearse: a commit that changes nothing\n\n%s\n\nMesh-Operation: rehearse\n' "${why:-no reason given}" |
        git commit-tree $sign "$tip^{tree}" -p "$tip")
      ! push_it "$commit" || break
      [ $(($(now) - begin)) -le 30 ] || die "others were faster for 30 s: run it again" 5
      fetch
    done
    echo "pushed $commit, which changes nothing: you may push to \`$branch\`"
  fi
  echo "it took $(($(now) - begin)) s"
}

status() {
  fetch
  echo "$branch of $remote is at $tip"
  found=
  for folder in ${env:-$(entries state)}; do
    found=1
    commit=$(text "state/$folder/source.json" | sed -n 's/^  "commit": "\(.*\)",*$/\1/p')
    echo "$folder${commit:+: source commit $commit}"
    if has "state/$folder/HOLD"; then echo "  every promote is stopped by state/$folder/HOLD"; fi
    for one in $(entries "rollback/$folder"); do show "$folder" "$one" "$(standing "$folder" "$one")"; done
  done
  [ -n "$found" ] || echo "nothing is published yet: \`meshc publish\` does that"
}

case $action in
  help | -h | --help) help ;;
  rollback | resume | rehearse | status) setup; : >"$tmp/err"; $action ;;
  *) echo "\`$action\` is not understood" >&2; help >&2; exit 2 ;;
esac
