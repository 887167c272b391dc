#!/bin/sh
# Makes services.hex and services.debug: the messages that Debian's nft 1.0.6 sends for services.nft, one a line in hexadecimal,
# and the expressions that `nft --debug=netlink` prints for the same. Runs in a network namespace of its own.
# usage: capture.sh (as root, with nftables, strace, python3)
set -eu
cd "$(dirname "$0")"
trace=$(mktemp)
unshare --net strace -e trace=sendmsg -e write=all -s 0 -o "$trace" nft --debug=netlink -f services.nft > services.debug
python3 - "$trace" > services.hex <<'PY'
import re, struct, sys
calls, data = [], bytearray()
for line in open(sys.argv[1]):
    dump = re.match(r' \| [0-9a-f]+  ((?:[0-9a-f]{2} {1,2})+)', line)
    if dump:
        data += bytes.fromhex(dump[1])
    elif line.startswith('sendmsg'):
        calls.append(data)
        data = bytearray()
calls.append(data)
messages = max(calls, key=len)
while messages:
    length, = struct.unpack_from('=I', messages)
    print(messages[:length].hex())
    messages = messages[(length + 3) & ~3:]
PY
rm "$trace"
