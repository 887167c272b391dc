# Sourced: request COMMAND… prints "COMMAND<tab>HEX" of the last message that it sends, dump COMMAND… what it receives, a datagram a line.
# shellcheck shell=sh
trace=$(mktemp)
request() {
  strace -e trace=sendmsg,sendto,send,recvmsg,recvfrom -e write=all -s 0 -o "$trace" "$@" >/dev/null || true
  python3 trace.py request "$trace" "$*"
}
dump() {
  strace -e trace=sendmsg,sendto,recvmsg,recvfrom -e read=all -s 0 -o "$trace" "$@" >/dev/null
  python3 trace.py dump "$trace"
}
