#!/bin/sh
# Makes requests.hex: what iproute2 6.1 and conntrack 1.4.7 send for the commands below ("COMMAND<tab>HEX", one request a line), and
# dumps.hex: what the kernel sends while ip, nft and conntrack list, one datagram a line. Runs in a network namespace of its own.
# usage: capture-tools.sh (as root, with iproute2, nftables, conntrack, strace, python3)
set -eu
cd "$(dirname "$0")"
if [ "${1:-}" != inside ]; then exec unshare --net "./$(basename "$0")" inside; fi
. ./trace.sh
ip link set lo up
{
  request ip addr add 10.1.2.3/24 dev lo noprefixroute
  request ip addr add fd00::7/64 dev lo nodad
  request ip addr del 10.1.2.3/24 dev lo
  request ip route add local 10.96.0.1/32 dev lo table local proto 77
  request ip route add local fd00::96/128 dev lo table 4711 proto 77
  request ip route replace 192.0.2.0/24 via 127.0.0.9 dev lo metric 5
  request ip route del local 10.96.0.1/32 dev lo table local
  request ip rule add pref 4000 from 10.0.0.0/8 fwmark 0x4000/0x4000 iif lo lookup 1234
  request ip -6 rule add not to fd00::/64 pref 4001 lookup 4711
  request ip rule del pref 4000 from 10.0.0.0/8 fwmark 0x4000/0x4000 iif lo lookup 1234
  conntrack -I -p udp -s 10.1.0.1 -d 10.96.0.10 --sport 40000 --dport 53 -r 10.0.0.7 -q 10.1.0.1 --reply-port-src 5353 --reply-port-dst 40000 --timeout 120 -m 7 >&2
} > requests.hex
nft -f services.nft
{
  for command in "ip link" "ip addr" "ip -4 route show table all" "ip -6 route show table all" "ip -4 rule" "ip -6 rule" "nft list ruleset" "conntrack -L"; do
    dump $command
  done
} > dumps.hex
conntrack -L 2>/dev/null >&2 && request conntrack -D -p udp -s 10.1.0.1 -d 10.96.0.10 --sport 40000 --dport 53 >> requests.hex
rm "$trace"
