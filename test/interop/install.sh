#!/usr/bin/env bash
# Other people's programs that test/interop runs, at fixed versions, into a folder outside the repository. What is there already is left
# as it is; what cannot be installed is named, and its tests skip. Always exits 0: a machine without Go tests what it can.
# Only what the ordinary package clients serve: see README.md for the programs that may have to be built otherwise.
set -uo pipefail
cd "$(dirname "$0")"

bin=${BRISTLECONE_INTEROP_BIN:-${XDG_CACHE_HOME:-$HOME/.cache}/bristlecone-interop}
# After so many seconds nothing more is begun, and what was begun is stopped: what is missing then skips.
budget=${BRISTLECONE_INTEROP_SECONDS:-720}
mkdir -p "$bin"
work=$(mktemp -d)
# Beside the programs, which are moved to their places in one step: none is ever seen half written.
new=$(mktemp -d "$bin/.new-XXXXXX")
running=
# `timeout` hands the signal on to all that the command started.
trap '[ -z "$running" ] || kill "$running" 2> /dev/null; chmod -R u+w "$work"; rm -rf "$work" "$new"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
missing=()

# A name, then a command: run within the budget, its last words printed when it fails. In the background: a signal ends this script at once.
attempt() {
  local name=$1 began=$SECONDS status
  shift
  if [ "$SECONDS" -ge "$budget" ]; then
    missing+=("$name (no time left)")
    return 1
  fi
  timeout "$((budget - SECONDS))" "$@" > "$work/log" 2>&1 &
  running=$!
  wait "$running"
  status=$?
  running=
  if [ "$status" = 0 ]; then
    echo "$name: $((SECONDS - began))s"
  else
    missing+=("$name$(what_is_there "$name")")
    tail -n 3 "$work/log" | cut -c -400
    return 1
  fi
}

# Of a name with its wanted version: the other version that the tests run.
what_is_there() {
  local file="$bin/${1%% *}"
  if [ -e "$file" ] && [ -e "$file.version" ]; then echo " (tested is $(cat "$file.version"))"; fi
}

is_installed() { [ -e "$bin/$1" ] && [ "$(cat "$bin/${1%%/*}.version" 2> /dev/null)" = "$2" ]; }

# Puts in place what was made in $new. The version is written last: without one it counts as not there.
put() {
  rm -rf "$bin/$1.version" "$new/old"
  if [ -d "$bin/$1" ]; then mv "$bin/$1" "$new/old"; fi
  mv "$new/$1" "$bin/$1" && echo "$2" > "$bin/$1.version"
}

# A module and its version, with another name for that where it has one, then packages in it as path=name-of-the-file. Built in a module that
# requires that one, and $also if it is set: the versions of everything below it are those that these name.
go_programs() {
  local module=$1 version=${2%% *} called=${2#* } folder package name wanted=()
  shift 2
  for package in "$@"; do
    if ! is_installed "${package#*=}" "$called"; then wanted+=("$package"); fi
  done
  if [ ${#wanted[@]} = 0 ]; then return; fi
  folder=$(mktemp -d -p "$work")
  printf 'module programs\n\ngo 1.25.0\n\nrequire %s %s\n%s\n' "$module" "$version" "${also:+require $also}" > "$folder/go.mod"
  # Once, not for each package: not every proxy serves every version.
  attempt "${wanted[*]#*=} $called, the sources" go mod download -C "$folder" "$module@$version" || return
  for package in "${wanted[@]}"; do
    name=${package#*=}
    attempt "$name $called" go build -C "$folder" -mod=mod -trimpath -o "$new/$name" "$module/${package%=*}" && put "$name" "$called"
  done
}

go_parts() {
  # What our own Go programs are compiled with, by the tests.
  for folder in go go-*/; do attempt "modules of $folder" go mod download -C "$folder"; done
  go_programs filippo.io/torchwood v0.9.1-0.20260706112420-c22a68158d96 cmd/litewitness=litewitness
  go_programs github.com/transparency-dev/tessera v1.0.4 cmd/fsck=fsck cmd/examples/posix-oneshot=posix-oneshot \
    cmd/conformance/posix=tessera-posix internal/hammer=hammer cmd/experimental/mirror/posix=mirror-posix
  # It asks for a version of formats that is not served everywhere, and is content with a newer one.
  also='github.com/transparency-dev/formats v0.1.2-0.20260710124811-af9e607161b6' \
    go_programs github.com/transparency-dev/witness 'v0.0.0-20260701145555-54dbcdd14f82 54dbcdd of 2026-07-01' \
    cmd/omniwitness=omniwitness cmd/loadtest=loadtest
  go_programs filippo.io/sunlight v0.8.1 cmd/sunlight=sunlight cmd/sunlight-keygen=sunlight-keygen
  # v2.4.1 wants Go 1.27.
  go_programs github.com/sigstore/rekor-tiles/v2 v2.3.0 cmd/rekor-server/posix=rekor-posix
  # Not every proxy serves these, which are no releases.
  go_programs sigsum.org/sigsum-go 'v0.14.1-dev.0.0.20260506082808-192b553292d7 192b553 of 2026-05-06' \
    cmd/sigsum-witness=sigsum-witness cmd/sigsum-key=sigsum-key cmd/sigsum-submit=sigsum-submit cmd/sigsum-verify=sigsum-verify
  go_programs sigsum.org/log-go 'v0.15.3-0.20260612161419-071ce248fc19 071ce24 of 2026-06-12' \
    cmd/sigsum-log-primary=sigsum-log-primary
  go_programs filippo.io/sunlight 'v0.8.2-0.20260711180829-ed0bc38779ae ed0bc38 of 2026-07-11' \
    cmd/sunlight=sunlight-head cmd/sunlight-keygen=sunlight-keygen-head cmd/skylight=skylight-head
  go_programs github.com/transparency-dev/tessera 'v1.0.3-0.20260810135914-85212c410aef 85212c41 of 2026-08-10' \
    internal/mirror/hammer=mirror-hammer-head cmd/conformance/posix=tessera-posix-head
}

# Our own programs on crates of others: their sources change, and cargo knows what is fresh. The tests build them too, and say with what.
rust_parts() {
  for folder in rust-*/; do
    attempt "${folder%/}" cargo build --release --locked --manifest-path "${folder}Cargo.toml" --target-dir "$bin/rust-target"
  done
}

python_parts() {
  local pinned python
  pinned=$(grep -oE '^(aics-tlog|pymerkle)==[0-9.]+' python-requirements.txt | sed 's/==/ /; $!s/$/,/' | tr '\n' ' ' | sed 's/ $//')
  if is_installed python/bin/python "$pinned" && cmp -s python-requirements.txt "$bin/python/requirements.txt"; then return; fi
  python=$(new_python) || {
    missing+=("python (its packages want Python 3.12 or newer)")
    return
  }
  attempt "python packages" sh -c \
    '"$1" -m venv "$2" && "$2/bin/python" -m pip install --quiet --only-binary :all: -r "$3" && cp "$3" "$2/requirements.txt"' \
    sh "$python" "$new/python" python-requirements.txt && put python "$pinned"
}

new_python() {
  for python in python3 python3.14 python3.13 python3.12 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[2-9]*/bin/python3; do
    if "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 12))' 2> /dev/null; then
      echo "$python"
      return
    fi
  done
  return 1
}

if command -v cargo > /dev/null; then rust_parts; else missing+=("all Rust programs (no cargo)"); fi
python_parts
if command -v go > /dev/null; then go_parts; else missing+=("all Go programs (no go)"); fi

if [ ${#missing[@]} -gt 0 ]; then
  printf 'interop programs: not installed, their tests skip: %s\n' "$(printf '%s; ' "${missing[@]}")"
fi
echo "interop programs: in $bin after ${SECONDS}s"
exit 0
