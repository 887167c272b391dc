#!/usr/bin/env bash
# Builds everything and runs all tests; `./test.sh NAME…` runs parts, `./test.sh --list` names them.
# The last line is "N passed, N failed". Logs: artifacts/test-results/NAME.log
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
. scripts/prepare.sh

# A part is a test project, or the behaviour suite against one mode.
modes=(userspace)
parts=(format)
for project in tests/*.Tests/*.Tests.csproj; do
  name=$(basename "$project" .Tests.csproj)
  parts+=("${name,,}")
done
for mode in "${modes[@]}"; do parts+=("behaviour-$mode"); done

if [ "${1:-}" = --list ]; then
  printf '%s\n' "${parts[@]}"
  exit 0
fi

chosen=()
for name in "$@"; do
  if [ "$name" = behaviour ]; then
    for mode in "${modes[@]}"; do chosen+=("behaviour-$mode"); done
  elif printf '%s\n' "${parts[@]}" | grep -qx -- "$name"; then
    chosen+=("$name")
  else
    echo "error: no part named '$name'; there are: ${parts[*]}" >&2
    exit 2
  fi
done
[ ${#chosen[@]} -gt 0 ] || chosen=("${parts[@]}")

require_dotnet
require_packages ip=iproute2 nft=nftables iptables=iptables conntrack=conntrack ipset=ipset curl=curl wrk=wrk nsenter=util-linux tcpdump=tcpdump

results=artifacts/test-results
mkdir -p "$results"
echo "== building (Release)"
if ! dotnet build ProxyFramework.sln -c Release --nologo -v quiet; then
  echo "0 passed, 1 failed"
  exit 1
fi

passed=0
failed=0

# count LOG STATUS: adds the figures of xunit's summary; a run without one is a failure.
count() {
  local summary total errors bad skipped
  summary=$(sed 's/\x1b\[[0-9;]*m//g' "$1" | grep -oE 'Total: [0-9]+, Errors: [0-9]+, Failed: [0-9]+, Skipped: [0-9]+' | tail -n 1)
  if [ -z "$summary" ]; then
    failed=$((failed + 1))
    return
  fi
  read -r total errors bad skipped < <(grep -oE '[0-9]+' <<<"$summary" | tr '\n' ' ')
  passed=$((passed + total - errors - bad - skipped))
  # A skipped test is a failure: nothing that cannot run here may look as if it had.
  bad=$((errors + bad + skipped))
  [ "$2" -ne 0 ] && [ "$bad" -eq 0 ] && bad=1
  failed=$((failed + bad))
}

# run_project NAME PROJECT [ENV=VALUE…]: runs a test project's executable.
run_project() {
  local name=$1 project=$2 status
  shift 2
  env "$@" timeout --kill-after=10 "${PART_TIMEOUT:-900}" \
    "artifacts/bin/$project/release/ProxyFramework.$project" -noLogo -longRunning 60 2>&1 | tee "$results/$name.log"
  status=${PIPESTATUS[0]}
  [ "$status" -eq 124 ] && echo "$name did not end in time"
  count "$results/$name.log" "$status"
}

for part in "${chosen[@]}"; do
  echo "== $part"
  start=$SECONDS
  case $part in
    format)
      if dotnet format ProxyFramework.sln --verify-no-changes --no-restore 2>&1 | tee "$results/format.log"; then
        passed=$((passed + 1))
      else
        failed=$((failed + 1))
      fi
      ;;
    behaviour-*) run_project "$part" Behaviour "SVCPROXY_MODE=${part#behaviour-}" ;;
    *)
      for project in tests/*.Tests/*.Tests.csproj; do
        name=$(basename "$project" .csproj)
        [ "${name,,}" = "$part.tests" ] && run_project "$part" "$name"
      done
      ;;
  esac
  echo "== $part: $((SECONDS - start)) s"
done

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
