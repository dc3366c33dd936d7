#!/usr/bin/env bash
# build.sh TOOL...: builds each named tool, once, and prints the folder that it is in, one line a tool.
#
# A folder beside this script is a family of tools with one dependency graph: go.mod and go.sum pin the
# sources, recipe.sh says what is built of them and how. What was built stands in
#   ${PODWRIGHT_CACHE:-${XDG_CACHE_HOME:-~/.cache}/podwright}/tools/FAMILY-HASH/TOOL/
# where HASH is of the family's files, this script and the machine: nothing there ever goes stale.
# Two runs at once are safe: the second waits for the first and finds its work.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${PODWRIGHT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/podwright}/tools

# The version that the family's go.mod pins for a module.
module_version() {
  sed -n "s|^\(require\)\{0,1\}[[:space:]]*$1 \(v[^ ]*\).*|\2|p" go.mod | head -n 1
}

# Reads the recipe of the family whose folder is the working directory.
read_recipe() {
  declare -gA programs=() test_programs=() sources=()
  cgo=0 tags='' stamp='' source_pattern='*'
  # shellcheck source=/dev/null
  source ./recipe.sh
}

family_of() {
  local recipe
  for recipe in "$here"/*/recipe.sh; do
    cd "$(dirname "$recipe")"
    read_recipe
    if [[ -n ${programs[$1]:-}${test_programs[$1]:-}${sources[$1]:-} ]]; then return; fi
  done
  echo "build.sh: no recipe makes \"$1\"" >&2
  exit 64
}

build() { # build TOOL INTO
  local tool=$1 into=$2 flags package
  flags=(-mod=readonly -buildvcs=false -trimpath -tags "$tags" -ldflags "-s -w ${stamp//$'\n'/ }")
  # Flags of the caller's environment must not reach into a build whose result is kept under a hash.
  export GOFLAGS='' CGO_ENABLED=$cgo GOWORK=off
  # shellcheck disable=SC2086 # lists of packages
  if [[ -n ${programs[$tool]:-} ]]; then
    nice go build "${flags[@]}" -o "$into/" ${programs[$tool]} >&2
  fi
  for package in ${test_programs[$tool]:-}; do
    nice go test -c "${flags[@]}" -o "$into/$(basename "$package")" "$package" >&2
  done
  for package in ${sources[$tool]:-}; do
    go mod download "$package" >&2
    copy_sources "$(go list -mod=readonly -m -f '{{.Dir}}' "$package")" "$into/$package"
  done
}

copy_sources() { # copy_sources FROM TO
  (cd "$1" && find . -name "$source_pattern" -type f -print0) |
    while IFS= read -r -d '' file; do install -D -m 644 "$1/$file" "$2/$file"; done
}

[[ $# -gt 0 ]] || { echo "usage: build.sh TOOL..." >&2; exit 64; }
for tool in "$@"; do
  family_of "$tool"
  hash=$(cat go.mod go.sum recipe.sh "$here/build.sh" <(uname -m) | sha256sum | cut -c 1-16)
  folder=$cache/$(basename "$PWD")-$hash
  mkdir -p "$folder"
  if [[ ! -d $folder/$tool ]]; then
    exec {lock}>"$folder/.$tool.lock"
    flock "$lock"
    if [[ ! -d $folder/$tool ]]; then
      echo "building $tool" >&2
      # A build that was killed leaves only its part-built folder, which the next one clears.
      rm -rf "$folder/.$tool.part"
      mkdir "$folder/.$tool.part"
      build "$tool" "$folder/.$tool.part"
      mv "$folder/.$tool.part" "$folder/$tool"
    fi
    exec {lock}>&-
  fi
  echo "$folder/$tool"
done
