"""Takes the messages out of a trace of strace -e write=all or -e read=all: trace.py request TRACE COMMAND, trace.py dump TRACE."""
import re, sys
def calls(name):
    data, direction = bytearray(), None
    for line in open(sys.argv[2]):
        dump = re.match(r' \| [0-9a-f]+  ((?:[0-9a-f]{2} {1,2})+)', line)
        if dump:
            data += bytes.fromhex(dump[1])
        elif not line.startswith(' *'):
            if data and direction == name: yield bytes(data)
            data, direction = bytearray(), re.match(r'(send|recv)?', line)[1]
            if 'MSG_PEEK' in line: direction = None
    if data and direction == name: yield bytes(data)
if sys.argv[1] == 'request':
    print(sys.argv[3] + '\t' + list(calls('send'))[-1].hex())
else:
    for datagram in calls('recv'): print(datagram.hex())
