#!/usr/bin/env bash
# Other people's programs that test/interop runs, at fixed versions, into a folder outside the repository. What is there already is left
# as it is; what cannot be installed is named, and its tests skip. Always exits 0: a machine without Go tests what it can.
set -uo pipefail

bin=${BRISTLECONE_INTEROP_BIN:-${XDG_CACHE_HOME:-$HOME/.cache}/bristlecone-interop}
# After so many seconds nothing more is begun: what is missing then skips.
budget=${BRISTLECONE_INTEROP_SECONDS:-480}
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
missing=()

# A module and its version, then packages in it as path=name-of-the-file. Built in a module that requires that one, so that the versions
# of everything below it are those it names itself.
programs() {
  local module=$1 version=$2 folder began
  shift 2
  folder=$(mktemp -d -p "$work")
  printf 'module programs\n\ngo 1.25.0\n\nrequire %s %s\n' "$module" "$version" > "$folder/go.mod"
  for package in "$@"; do
    local path=${package%=*} name=${package#*=}
    if [ -x "$bin/$name" ] && [ "$(cat "$bin/$name.version" 2> /dev/null)" = "$version" ]; then continue; fi
    if [ "$SECONDS" -ge "$budget" ]; then
      missing+=("$name (no time left)")
      continue
    fi
    began=$SECONDS
    if (cd "$folder" && timeout 400 go build -mod=mod -trimpath -o "$bin/$name" "$module/$path") > "$folder/log" 2>&1; then
      echo "$version" > "$bin/$name.version"
      echo "$name $version: $((SECONDS - began))s"
    else
      missing+=("$name")
      tail -n 5 "$folder/log"
    fi
  done
}

if ! command -v go > /dev/null; then
  echo "interop programs: skipped, there is no go command here"
  exit 0
fi
mkdir -p "$bin"

# The versions are the newest that the module proxy serves whole. Not there in any version that builds: transparency-dev/witness
# (omniwitness, loadtest) and sigsum's log, client and witness. Whoever builds those otherwise and puts them into the folder has them
# tested too. sunlight v0.8.1 runs its witness only beside a Certificate Transparency log of its own.
programs filippo.io/torchwood v0.9.1-0.20260706112420-c22a68158d96 cmd/litewitness=litewitness
programs github.com/transparency-dev/tessera v1.0.4 cmd/fsck=fsck cmd/examples/posix-oneshot=posix-oneshot

if [ ${#missing[@]} -gt 0 ]; then
  printf 'interop programs: not installed, their tests skip: %s\n' "${missing[*]}"
fi
echo "interop programs: in $bin after ${SECONDS}s"
