#!/usr/bin/env bash
# Builds everything and runs all tests; `./test.sh NAME…` runs parts, `./test.sh --list` names them.
# The last line is "N passed, N failed". Logs: artifacts/test-results/NAME.log
# `./test.sh vm-shell` opens a shell on the kernel of the virtual machine that the IPVS parts run in where this one has no IPVS.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
. scripts/prepare.sh

# A part is a test project, or the behaviour suite against one mode.
modes=(userspace nftables iptables-legacy iptables-nft)
parts=(format)
for project in tests/*.Tests/*.Tests.csproj; do
  name=$(basename "$project" .Tests.csproj)
  parts+=("${name,,}")
done
for mode in "${modes[@]}"; do parts+=("behaviour-$mode"); done
# Parts that need IPVS in the kernel. Where this one has none, they share a start of a virtual machine (scripts/vm/run.sh).
parts+=(netlink-vm ipvs-vm behaviour-ipvs)
# What runs only when it is named: emulated, the suite takes longer than all the rest, and does not hold as a whole yet. With legacy
# tables of iptables a scenario in UDP over IPv6 failed once in five runs, for a reason not found yet.
by_name_only=(behaviour-ipvs behaviour-iptables-legacy)

if [ "${1:-}" = vm-shell ]; then exec scripts/vm/run.sh --shell; fi
if [ "${1:-}" = --list ]; then
  printf '%s\n' "${parts[@]}"
  exit 0
fi

chosen=()
for name in "$@"; do
  if [ "$name" = behaviour ]; then
    for mode in "${modes[@]}" ipvs; do chosen+=("behaviour-$mode"); done
  elif printf '%s\n' "${parts[@]}" | grep -qx -- "$name"; then
    chosen+=("$name")
  else
    echo "error: no part named '$name'; there are: ${parts[*]}" >&2
    exit 2
  fi
done
if [ ${#chosen[@]} -eq 0 ]; then
  for name in "${parts[@]}"; do
    printf '%s\n' "${by_name_only[@]}" | grep -qx -- "$name" || chosen+=("$name")
  done
fi

if [ "$(id -u)" -ne 0 ]; then
  echo "error: the tests make network namespaces, which takes root: sudo ./test.sh" >&2
  exit 1
fi
require_dotnet
require_packages ip=iproute2 nft=nftables iptables=iptables conntrack=conntrack ipset=ipset curl=curl wrk=wrk nsenter=util-linux tcpdump=tcpdump ipvsadm=ipvsadm modprobe=kmod kubectl=kubernetes-client

results=artifacts/test-results
mkdir -p "$results"
echo "== building (Release)"
if ! dotnet build ProxyFramework.sln -c Release --nologo -v quiet; then
  echo "0 passed, 1 failed"
  exit 1
fi

passed=0
failed=0

# count NAME: adds the figures of xunit's summary; a part without one, or that was not run to its end, is a failure.
count() {
  local summary total errors bad skipped status
  status=$(cat "$results/$1.status" 2>/dev/null)
  summary=$(sed 's/\x1b\[[0-9;]*m//g' "$results/$1.log" 2>/dev/null |
    grep -oE 'Total: [0-9]+, Errors: [0-9]+, Failed: [0-9]+, Skipped: [0-9]+' | tail -n 1)
  if [ -z "$summary" ]; then
    echo "$1 has no results"
    failed=$((failed + 1))
    return
  fi
  read -r total errors bad skipped < <(grep -oE '[0-9]+' <<<"$summary" | tr '\n' ' ')
  passed=$((passed + total - errors - bad - skipped))
  # A skipped test is a failure, and so is a part that ran none: nothing that cannot run here may look as if it had.
  bad=$((errors + bad + skipped))
  [ "$bad" -eq 0 ] && { [ "$status" != 0 ] || [ "$total" -eq 0 ]; } && bad=1
  failed=$((failed + bad))
}

# run_project NAME PROJECT [ENV=VALUE…] [-- ARGUMENTS…]: runs a test project's executable.
run_project() {
  local name=$1 project=$2 environment=()
  shift 2
  while [ $# -gt 0 ] && [ "$1" != -- ]; do environment+=("$1"); shift; done
  rm -f "$results/$name.log" "$results/$name.status"
  scripts/test-part.sh "$name" "${PART_TIMEOUT:-900}" env "${environment[@]}" \
    "artifacts/bin/$project/release/ProxyFramework.$project" -noLogo -longRunning 60 "${@:2}"
  count "$name"
}

has_ipvs() {
  modprobe -q -a ip_vs dummy 2>/dev/null
  [ -e /proc/net/ip_vs ] && { [ -d /sys/module/dummy ] || modinfo dummy >/dev/null 2>&1; }
}

# run_ipvs_project NAME PROJECT …: as run_project, here or, with all the others, in the virtual machine.
deferred=()
run_ipvs_project() {
  if has_ipvs; then
    run_project "$@"
  else
    deferred+=("$(printf '%q ' "$@")")
  fi
}

# run_deferred: one start of the virtual machine for all parts that wait for it. Emulated, everything takes 10 to 20 times as long.
run_deferred() {
  local part name project projects=(svcproxy) options=() names=() list=$results/vm-parts.sh seconds=${VM_PART_TIMEOUT:-1800}
  echo 'modprobe -a -q ip_vs ip_vs_rr ip_vs_wrr dummy veth bridge br_netfilter nf_conntrack nf_tables nft_chain_nat nft_ct nft_nat nft_masq nft_reject_ipv4 nft_reject_ipv6 nft_hash nft_numgen nft_fib_ipv4 nft_fib_ipv6' >"$list"
  for part in "${deferred[@]}"; do
    eval "set -- $part"
    name=$1 project=$2
    shift 2
    names+=("$name")
    projects+=("bin/$project/release")
    {
      printf 'scripts/test-part.sh %q %q env SVCPROXY_PACE=3 ' "$name" "$seconds"
      while [ $# -gt 0 ] && [ "$1" != -- ]; do printf '%q ' "$1"; shift; done
      printf '%q ' "artifacts/bin/$project/release/ProxyFramework.$project" -noLogo -longRunning 300 "${@:2}"
      echo
    } >>"$list"
  done
  for project in "${projects[@]}"; do
    echo "== compiling artifacts/$project for the virtual machine"
    scripts/vm/ready-to-run.sh "artifacts/$project" "artifacts/vm/ready/$project"
    options+=(--replace "artifacts/vm/ready/$project=artifacts/$project")
  done
  echo "== starting the virtual machine for ${names[*]}"
  exec scripts/vm/run.sh --timeout "$((120 + seconds * ${#names[@]}))" --share "$results" "${options[@]}" -- bash "$list"
}

for part in "${chosen[@]}"; do
  case $part in
    format)
      echo "== format"
      if dotnet format ProxyFramework.sln --verify-no-changes --no-restore 2>&1 | tee "$results/format.log"; then
        passed=$((passed + 1))
      else
        failed=$((failed + 1))
      fi
      ;;
    # All but the fuzzing, which no kernel takes part in: so Netlink is proven on a second kernel too.
    netlink-vm) run_ipvs_project netlink-vm Netlink.Tests -- -class- '*Fuzz*' ;;
    ipvs-vm) run_ipvs_project ipvs-vm Ipvs.Tests -- -trait Kernel=ipvs ;;
    behaviour-ipvs) run_ipvs_project behaviour-ipvs Behaviour SVCPROXY_MODE=ipvs ;;
    netlink) run_project netlink Netlink.Tests -- -trait- Kernel=ipvs ;;
    ipvs) run_project ipvs Ipvs.Tests -- -trait- Kernel=ipvs ;;
    behaviour-iptables-*) run_project "$part" Behaviour SVCPROXY_MODE=iptables "SVCPROXY_ARGS=--set iptables:flavour=${part##*-} --set iptables:canary-seconds=2" ;;
    behaviour-*) run_project "$part" Behaviour "SVCPROXY_MODE=${part#behaviour-}" ;;
    *)
      for project in tests/*.Tests/*.Tests.csproj; do
        name=$(basename "$project" .csproj)
        [ "${name,,}" = "$part.tests" ] && run_project "$part" "$name"
      done
      ;;
  esac
done
# Alone: emulation takes both processors.
if [ ${#deferred[@]} -gt 0 ]; then
  for part in "${deferred[@]}"; do rm -f "$results/${part%% *}.log" "$results/${part%% *}.status"; done
  (run_deferred) 2>&1 | tee "$results/vm.log"
  for part in "${deferred[@]}"; do count "${part%% *}"; done
fi

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
