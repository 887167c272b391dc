#!/bin/sh
# Makes ipvs-requests.hex and ipvs-dumps.hex, as capture-tools.sh does the others, from Debian's ipvsadm 1.31 on a kernel that has
# IPVS: scripts/vm/run.sh --share tests/Netlink.Tests/Fixtures -- tests/Netlink.Tests/Fixtures/capture-ipvs.sh
# usage: capture-ipvs.sh (as root, with ipvsadm, strace, python3)
set -eu
cd "$(dirname "$0")"
if [ "${1:-}" != inside ]; then exec unshare --net "./$(basename "$0")" inside; fi
. ./trace.sh
# Without it there is no table of local addresses, and the kernel takes no IPv4 address for that of a single machine.
ip link set lo up
{
  request ipvsadm -A -t 10.96.0.10:443 -s wrr
  request ipvsadm -A -u [fd00::10]:53 -s rr -o
  request ipvsadm -A -t 10.96.0.11:80 -s sh -b sh-fallback,sh-port -p 10800 -M 255.255.255.0
  request ipvsadm -A -t [fd00::11]:80 -s mh -p 600 -M 64
  request ipvsadm -A -f 7 -s wlc
  request ipvsadm -A -f 8 -6 -s lc
  request ipvsadm -A --sctp-service 10.96.0.12:5060 -s sed
  request ipvsadm -A -u 10.96.0.13:5060 -s rr -p 60 --pe sip
  request ipvsadm -E -t 10.96.0.10:443 -s lc
  request ipvsadm -a -t 10.96.0.10:443 -r 10.0.0.7:8443 -m -w 3
  request ipvsadm -a -t 10.96.0.10:443 -r 10.0.0.8:443 -g -w 1 -x 100 -y 50
  request ipvsadm -a -t 10.96.0.10:443 -r 10.0.0.9:443 -i --tun-type gue --tun-port 6080 --tun-csum
  request ipvsadm -a -t 10.96.0.10:443 -r [fd00::7]:443 -i
  request ipvsadm -a -u [fd00::10]:53 -r [fd00::8]:5353 -m
  request ipvsadm -a -f 7 -r 10.0.0.7:0 -g
  request ipvsadm -e -t 10.96.0.10:443 -r 10.0.0.7:8443 -m -w 0
  request ipvsadm -d -t 10.96.0.10:443 -r 10.0.0.8:443
  request ipvsadm --set 901 121 301
} > ipvs-requests.hex
{
  for options in "-Ln --stats" "-Ln --timeout" "-Ln -t 10.96.0.10:443"; do
    dump ipvsadm $options
  done
} > ipvs-dumps.hex
{
  request ipvsadm -Z -t 10.96.0.10:443
  request ipvsadm -Z
  request ipvsadm -D -t 10.96.0.10:443
  request ipvsadm -C
} >> ipvs-requests.hex
rm "$trace"
