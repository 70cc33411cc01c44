#!/usr/bin/env bash
# Other people's programs that test/interop runs, at fixed versions, into a folder outside the repository. What is there already is left
# as it is; what cannot be installed is named, and its tests skip. Always exits 0: a machine without Go tests what it can.
# Only what the ordinary package clients serve: see README.md for the programs that have to be built otherwise.
set -uo pipefail
cd "$(dirname "$0")"

bin=${BRISTLECONE_INTEROP_BIN:-${XDG_CACHE_HOME:-$HOME/.cache}/bristlecone-interop}
# After so many seconds nothing more is begun, and what was begun is stopped: what is missing then skips.
budget=${BRISTLECONE_INTEROP_SECONDS:-720}
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
missing=()

# A name, then a command: run within the budget, its last words printed when it fails.
attempt() {
  local name=$1 began=$SECONDS
  shift
  if [ "$SECONDS" -ge "$budget" ]; then
    missing+=("$name (no time left)")
    return 1
  fi
  if timeout "$((budget - SECONDS))" "$@" > "$work/log" 2>&1; then
    echo "$name: $((SECONDS - began))s"
  else
    missing+=("$name")
    tail -n 3 "$work/log" | cut -c -400
    return 1
  fi
}

is_installed() { [ -e "$bin/$1" ] && [ "$(cat "$bin/${1%%/*}.version" 2> /dev/null)" = "$2" ]; }

# A module and its version, then packages in it as path=name-of-the-file. Built in a module that requires that one, so that the versions
# of everything below it are those it names itself.
go_programs() {
  local module=$1 version=$2 folder
  shift 2
  folder=$(mktemp -d -p "$work")
  printf 'module programs\n\ngo 1.25.0\n\nrequire %s %s\n' "$module" "$version" > "$folder/go.mod"
  for package in "$@"; do
    local name=${package#*=}
    if is_installed "$name" "$version"; then continue; fi
    attempt "$name $version" go build -C "$folder" -mod=mod -trimpath -o "$bin/$name" "$module/${package%=*}" \
      && echo "$version" > "$bin/$name.version"
  done
}

go_parts() {
  # What our own Go programs are compiled with, by the tests.
  for folder in go go-*/; do attempt "modules of $folder" go mod download -C "$folder"; done
  go_programs filippo.io/torchwood v0.9.1-0.20260706112420-c22a68158d96 cmd/litewitness=litewitness
  go_programs github.com/transparency-dev/tessera v1.0.4 cmd/fsck=fsck cmd/examples/posix-oneshot=posix-oneshot \
    cmd/conformance/posix=tessera-posix internal/hammer=hammer cmd/experimental/mirror/posix=mirror-posix
  go_programs filippo.io/sunlight v0.8.1 cmd/sunlight=sunlight cmd/sunlight-keygen=sunlight-keygen
  # v2.4.1 wants Go 1.27.
  go_programs github.com/sigstore/rekor-tiles/v2 v2.3.0 cmd/rekor-server/posix=rekor-posix
}

# Our own programs on crates of others: their sources change, and cargo knows what is fresh. The tests build them too, and say with what.
rust_parts() {
  for folder in rust-*/; do
    attempt "${folder%/}" cargo build --release --locked --manifest-path "${folder}Cargo.toml" --target-dir "$bin/rust-target"
  done
}

python_parts() {
  local pinned python
  pinned=$(grep -oE '^(aics-tlog|pymerkle)==[0-9.]+' python-requirements.txt | sed 's/==/ /' | paste -sd, | sed 's/,/, /')
  if is_installed python/bin/python "$pinned"; then return; fi
  python=$(new_python) || {
    missing+=("python (its packages want Python 3.12 or newer)")
    return
  }
  rm -rf "$bin/python"
  attempt "python packages" sh -c '"$1" -m venv "$2" && "$2/bin/pip" install --quiet --only-binary :all: -r python-requirements.txt' \
    sh "$python" "$bin/python" && echo "$pinned" > "$bin/python.version"
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

mkdir -p "$bin"
if command -v cargo > /dev/null; then rust_parts; else missing+=("all Rust programs (no cargo)"); fi
python_parts
if command -v go > /dev/null; then go_parts; else missing+=("all Go programs (no go)"); fi

if [ ${#missing[@]} -gt 0 ]; then
  printf 'interop programs: not installed, their tests skip: %s\n' "$(printf '%s; ' "${missing[@]}")"
fi
echo "interop programs: in $bin after ${SECONDS}s"
exit 0
