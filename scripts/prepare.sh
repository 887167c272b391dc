# Sourced by test.sh: what a fresh Debian machine lacks is installed here, once, saying so.
# shellcheck shell=bash

# What is built must not be writable by others: the program refuses plugins that are.
umask 022

# require_dotnet: the .NET SDK is the one thing that has to be there already.
require_dotnet() {
  if ! command -v dotnet >/dev/null && [ -x "${HOME:-}/.dotnet/dotnet" ]; then
    PATH=$HOME/.dotnet:$PATH
  fi
  if ! command -v dotnet >/dev/null; then
    echo "error: 'dotnet' is not on the PATH; install the .NET 10 SDK first (https://dot.net)" >&2
    exit 1
  fi
}

# require_packages PROGRAM=PACKAGE…: installs the Debian packages whose programs are missing.
require_packages() {
  local missing=() pair as_root=()
  for pair in "$@"; do
    command -v "${pair%%=*}" >/dev/null || [ -x "/usr/sbin/${pair%%=*}" ] || missing+=("${pair#*=}")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  if ! command -v apt-get >/dev/null; then
    echo "error: needed and not there: ${missing[*]} (the names of Debian's packages); this machine has no apt-get to install them" >&2
    exit 1
  fi
  [ "$(id -u)" -eq 0 ] || as_root=(sudo)
  echo "== installing ${missing[*]} (apt)"
  if ! { "${as_root[@]}" apt-get update -qq \
    && "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null; }; then
    echo "error: ${missing[*]} could not be installed; install them by hand and start again" >&2
    exit 1
  fi
}
