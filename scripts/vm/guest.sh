#!/bin/bash
# The second program in the virtual machine, in the outer machine's own files: sets up what a freshly started Linux has, runs the
# command that run.sh was given, and hands its output and exit status out.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t cgroup2 cgroup /sys/fs/cgroup
mount -t bpf bpf /sys/fs/bpf
mkdir -p /dev/shm /dev/pts
mount -t tmpfs shm /dev/shm
mount -t devpts -o gid=5,mode=620,ptmxmode=666 pts /dev/pts
mount -t tmpfs run /run
mkdir -p /run/lock /run/netns
for name in fd:/proc/self/fd stdin:/proc/self/fd/0 stdout:/proc/self/fd/1 stderr:/proc/self/fd/2; do
  [ -e "/dev/${name%%:*}" ] || ln -s "${name#*:}" "/dev/${name%%:*}"
done
hostname vm
ip link set lo up

declare -A argument
for word in $(</proc/cmdline); do argument[${word%%=*}]=${word#*=}; done
mkdir -p /lib/modules
mount --bind "${argument[vm.modules]}" /lib/modules
[ -e /sbin/modprobe ] || echo /usr/sbin/modprobe >/proc/sys/kernel/modprobe

# share TAG FOLDER: a folder that both machines write.
share() {
  mkdir -p "$2"
  mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=none "$1" "$2"
}
job=${argument[vm.job]}
share job "$job"
while read -r tag folder; do share "$tag" "$folder"; done <"$job/shares"
# Ready-to-run copies take the place of what they were made from, in memory.
while read -r from to; do
  mkdir -p "/run/ready/$to" && cp -r "$from/." "/run/ready/$to/" && mount --bind "/run/ready/$to" "$to"
done <"$job/replacements"
# port NAME: the device of a virtio port.
port() { local port; for port in /sys/class/virtio-ports/*; do [ "$(<"$port/name")" = "$1" ] && echo "/dev/${port##*/}"; done; }

echo up >"$job/up"
if [ -e "$job/interactive" ]; then
  stty -F /dev/hvc0 sane
  busybox setsid -c bash "$job/command" </dev/hvc0 >/dev/hvc0 2>&1
  echo $? >"$job/status"
else
  # A pipe between, for a port can be opened only once, and programs open /dev/stdout again.
  { bash "$job/command" </dev/null 2>&1; echo $? >"$job/status"; } | cat >"$(port output)"
fi
sync
busybox poweroff -f
