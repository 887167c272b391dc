#!/usr/bin/env bash
# Runs a command on Debian's stock kernel in a virtual machine (QEMU, emulated: no KVM needed), on this machine's own files: the root
# file system is the outer one, read-only, with a layer of memory over it. Output comes as it is written; the exit status is the
# command's, 124 when it did not end in time, 125 when the machine failed.
#
#   scripts/vm/run.sh [OPTION…] -- COMMAND ARGUMENTS…     the command runs in the current folder
#   scripts/vm/run.sh --shell
#
#   --timeout SECONDS    for everything; default 1800
#   --share FOLDER       is written through to the outer machine
#   --replace FROM=TO    the folder FROM is copied to memory and takes the place of TO
#   --env NAME=VALUE     for the command
#
# VM_CPUS and VM_MEMORY (MiB) change the machine. One processor is the quicker one: two emulated ones keep stopping each other
# whenever code is compiled, and .NET spins between them.
set -uo pipefail
started=$(date +%s%N)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repository=$(dirname "$(dirname "$here")")
. "$here/../prepare.sh"
. "$here/prepare.sh"

timeout=1800
boot_timeout=300
shares=()
replacements=()
environment=()
interactive=
while [ $# -gt 0 ]; do
  case $1 in
    --timeout) timeout=$2; shift 2 ;;
    --share) mkdir -p "$2"; shares+=("$(realpath "$2")"); shift 2 ;;
    --replace) replacements+=("$(realpath "${2%%=*}") $(realpath -m "${2#*=}")"); shift 2 ;;
    --env) environment+=("$2"); shift 2 ;;
    --shell) interactive=1; shift ;;
    --) shift; break ;;
    *) echo "error: '$1'? usage: $0 [--timeout SECONDS] [--share FOLDER] [--replace FROM=TO] [--env NAME=VALUE] -- COMMAND…" >&2; exit 2 ;;
  esac
done
[ -n "$interactive" ] || [ $# -gt 0 ] || { echo "error: which command?" >&2; exit 2; }

initramfs=$repository/artifacts/vm/initramfs
vm_prepare "$repository" "$initramfs" >&2 || exit 125

job=$(mktemp -d "$repository/artifacts/vm/job.XXXXXX")
qemu=
finish() {
  [ -z "$qemu" ] || kill -KILL "$qemu" 2>/dev/null
  rm -rf "$job"
}
trap finish EXIT
trap 'exit 143' TERM
trap 'exit 130' INT

# What the command is run with: the folder, the environment, the arguments, each quoted.
{
  printf 'cd %q || exit 127\n' "$PWD"
  for variable in "DOTNET_ROOT=${DOTNET_ROOT:-$(dirname "$(readlink -f "$(command -v dotnet || echo /usr/share/dotnet/dotnet)")")}" \
    DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_TieredPGO=0 ${environment[@]+"${environment[@]}"}; do
    printf 'export %q\n' "$variable"
  done
  [ -n "$interactive" ] && echo 'exec bash -i' || printf '%q ' "$@"
  echo
} >"$job/command"
[ -z "$interactive" ] || touch "$job/interactive"
: >"$job/shares"
: >"$job/replacements"
devices=()
add_share() { devices+=(-virtfs "local,path=$2,mount_tag=$1,security_model=none${3:-},multidevs=remap"); }
add_share root / ,readonly=on
add_share job "$job"
for index in "${!shares[@]}"; do
  add_share "share$index" "${shares[$index]}"
  echo "share$index ${shares[$index]}" >>"$job/shares"
done
[ ${#replacements[@]} -eq 0 ] || printf '%s\n' "${replacements[@]}" >"$job/replacements"

append="console=ttyS0 panic=-1 oops=panic mitigations=off nokaslr no_timer_check random.trust_cpu=on audit=0 apparmor=0 nowatchdog loglevel=5"
append+=" vm.repository=$repository vm.modules=$vm_kernel/modules vm.job=$job"
machine=(
  qemu-system-x86_64 -nodefaults -no-user-config -nographic -no-reboot
  -machine pc -accel tcg,thread=multi,tb-size=512 -cpu "${VM_CPU:-Nehalem}" -smp "${VM_CPUS:-1}" -m "${VM_MEMORY:-4096}"
  -kernel "$vm_kernel/vmlinuz" -initrd "$initramfs" -append "$append"
  -serial "file:$job/console" -device virtio-serial-pci "${devices[@]}"
)

fail() {
  echo "error: $1; the kernel's last words:" >&2
  # The firmware's part would clear the reader's screen.
  tail -n 25 "$job/console" 2>/dev/null | sed 's/\x1b\(\[[0-9;?]*[A-Za-z]\|c\)//g' | tr -d '\r' >&2
  exit "${2:-125}"
}

if [ -n "$interactive" ]; then
  "${machine[@]}" -chardev stdio,id=terminal,signal=off -device virtconsole,chardev=terminal
  [ -e "$job/status" ] || fail "the virtual machine stopped"
  exit "$(<"$job/status")"
fi

# QEMU takes the end of its input for the end of its output too: it gets an input without an end.
mkfifo "$job/input"
exec 8<>"$job/input"
# The machine ends with this script, whatever ends that.
setpriv --pdeathsig KILL "${machine[@]}" -chardev stdio,id=output,signal=off -device virtserialport,chardev=output,name=output <&8 &
qemu=$!
while kill -0 "$qemu" 2>/dev/null; do
  elapsed=$((($(date +%s%N) - started) / 1000000000))
  if [ "$elapsed" -ge "$timeout" ]; then
    fail "the command did not end within $timeout s" 124
  elif [ "$elapsed" -ge "$boot_timeout" ] && [ ! -e "$job/up" ]; then
    fail "the virtual machine did not come up within $boot_timeout s"
  fi
  sleep 0.2
done
wait "$qemu"
ended=$?
qemu=
[ -e "$job/up" ] || fail "the virtual machine did not come up (QEMU ended with $ended)"
[ -s "$job/status" ] || fail "the virtual machine stopped before the command ended (QEMU ended with $ended)"
exit "$(<"$job/status")"
