#!/usr/bin/env bash
# Makes ready-to-run copies of built programs, for the emulated machine compiles ten times slower than it computes:
# scripts/vm/ready-to-run.sh FROM TO copies the folder FROM (with all below it) to TO and compiles its assemblies ahead of time.
# What was compiled before and has not changed is kept.
set -euo pipefail
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
from=$1
to=$2

dotnet restore "$repository/build/crossgen.proj" --nologo -v quiet
compiler=$(dotnet msbuild "$repository/build/crossgen.proj" -nologo -getProperty:Crossgen)
if [ ! -e "$compiler" ]; then
  echo "error: no ahead-of-time compiler at '$compiler'" >&2
  exit 1
fi
runtimes=$(dirname "$(readlink -f "$(command -v dotnet)")")/shared
references=$(find "$runtimes" -mindepth 2 -maxdepth 2 -name '10.*' -printf '-r %p/*.dll ')

mkdir -p "$to"
# Not so many that it matters: what was deleted since the last time goes.
(cd "$to" && find . -type f) | while read -r file; do [ -e "$from/$file" ] || rm "$to/$file"; done

compile() {
  local file=$1 log
  [ "$to/$file" -nt "$from/$file" ] && return 0
  mkdir -p "$(dirname "$to/$file")"
  case $file in
    *.resources.dll | */runtimes/*) ;;
    *.dll)
      # What is compiled already, or native, is refused, and copied as it is.
      # shellcheck disable=SC2086
      if log=$("$compiler" "$from/$file" -o "$to/$file" $references -r "$(dirname "$from/$file")/*.dll" --targetos linux --targetarch x64 -O 2>&1); then
        touch "$to/$file"
        return 0
      fi
      grep -q -e 'already compiled' -e 'Not a managed' -e 'BadImageFormat' <<<"$log" || echo "not compiled: $file: $(tail -n 1 <<<"$log")" >&2
      ;;
  esac
  cp -p "$from/$file" "$to/$file"
  touch "$to/$file"
}
export -f compile
export compiler references from to
(cd "$from" && find . -type f -not -name '*.pdb' -not -name '*.xml' -print0) | xargs -0 -P "$(nproc)" -I{} bash -c 'compile "$1"' _ {}
