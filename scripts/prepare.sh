# Sourced by run.sh and test.sh: what a fresh Debian machine lacks is installed here, once, saying so.
# shellcheck shell=bash

# What is built must not be writable by others: the program refuses plugins that are.
umask 022

# require_dotnet: the .NET SDK is the one thing that has to be there already.
require_dotnet() {
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
  [ "$(id -u)" -eq 0 ] || as_root=(sudo)
  echo "== installing ${missing[*]} (apt)"
  "${as_root[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}
