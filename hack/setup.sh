#!/usr/bin/env bash
# Makes sure that what the project needs from outside is there: Debian packages, Go, Node and the npm
# packages. Installs what it may and says what is missing otherwise. Quick when all is there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The C compiler and its libraries build runc and the pause image; the rest is what a node is made of.
packages=(gcc libc6-dev libseccomp-dev pkg-config busybox-static docker-registry iptables iproute2 util-linux perl-base openssl ca-certificates)

fail() {
  echo "setup: $1" >&2
  exit 1
}

missing_packages() {
  local package
  for package in "${packages[@]}"; do
    dpkg-query --show --showformat='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || echo "$package"
  done
}

# Whether version $1 is at least $2.
at_least() {
  [[ $(printf '%s\n%s\n' "$2" "$1" | sort --version-sort | head -n 1) == "$2" ]]
}

install_packages() {
  local missing
  mapfile -t missing < <(missing_packages)
  [[ ${#missing[@]} -gt 0 ]] || return 0
  [[ $EUID -eq 0 ]] || fail "these Debian packages are missing: ${missing[*]} (apt-get install ${missing[*]})"
  echo "setup: installing ${missing[*]}" >&2
  # Debian would start the registry as a service at its usual port, where another may be.
  local policy=/usr/sbin/policy-rc.d
  if [[ ! -e $policy ]]; then
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod +x "$policy"
    # shellcheck disable=SC2064 # the path as it is now
    trap "rm -f '$policy'" EXIT
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq >&2
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}

command -v dpkg-query > /dev/null || fail 'this is no Debian; see the list of packages in hack/setup.sh'
install_packages

command -v node > /dev/null || fail 'Node 20.19 or later is needed, see https://nodejs.org'
at_least "$(node --version | tr -d v)" 20.19.0 || fail "Node 20.19 or later is needed, this is $(node --version)"
command -v go > /dev/null || fail 'Go 1.26.2 or later is needed to build containerd and the other tools, see https://go.dev'
at_least "$(GOTOOLCHAIN=local go env GOVERSION | tr -d go)" 1.26.2 || fail "Go 1.26.2 or later is needed, this is $(go env GOVERSION)"

due=$(node hack/packages-due.mjs)
if [[ -n $due ]]; then
  echo "setup: installing npm packages: $due" >&2
  npm ci --no-audit --no-fund >&2
fi
