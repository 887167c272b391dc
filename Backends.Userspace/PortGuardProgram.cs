using static ProxyFramework.Backends.Userspace.Bpf;

namespace ProxyFramework.Backends.Userspace;

/// <summary>
/// The program of a <see cref="PortGuard"/>. Its map has 24-byte keys: an address (IPv4 as IPv4-mapped), a port and a protocol; port
/// and protocol 0 stand for "this address is guarded".
/// <code>
/// if (!(local address, 0, 0) in map) return SK_PASS;
/// if ((local address, local port, protocol) in map) return SK_PASS;
/// if ((remote address, remote port, protocol) in map) return SK_PASS;   // our own reply to a client on this node
/// return SK_DROP;                                                        // no socket: reset, or port unreachable
/// </code>
/// A client on this node has the service address as its own source address where that is made local by a route, so a reply to an
/// unconnected UDP client would look like a datagram to a port that nobody was admitted at. Nobody else can send with that source:
/// the kernel discards it as a martian.
/// </summary>
internal static class PortGuardProgram
{
    // Operations of linux/bpf.h and linux/bpf_common.h.
    private const byte BPF_LDX_MEM_W = 0x61;
    private const byte BPF_LDX_MEM_H = 0x69;
    private const byte BPF_ST_MEM_W = 0x62;
    private const byte BPF_STX_MEM_W = 0x63;
    private const byte BPF_LD_IMM_DW = 0x18;
    private const byte BPF_ALU64_MOV_X = 0xBF;
    private const byte BPF_ALU64_MOV_K = 0xB7;
    private const byte BPF_ALU64_ADD_K = 0x07;
    private const byte BPF_ALU_END_TO_BE = 0xDC;
    private const byte BPF_JA = 0x05;
    private const byte BPF_JEQ_K = 0x15;
    private const byte BPF_JNE_K = 0x55;
    private const byte BPF_CALL = 0x85;
    private const byte BPF_EXIT = 0x95;
    private const byte BPF_PSEUDO_MAP_FD = 1;
    private const int BPF_FUNC_map_lookup_elem = 1;
    private const int SK_DROP = 0;
    private const int SK_PASS = 1;
    private const int AF_INET = 2;

    // Members of struct bpf_sk_lookup.
    private const short Family = 8;
    private const short Protocol = 12;
    private const short RemoteIPv4 = 16;
    private const short RemoteIPv6 = 20;
    private const short RemotePort = 36; // 16 bits in network order
    private const short LocalIPv4 = 40;
    private const short LocalIPv6 = 44;
    private const short LocalPort = 60; // 32 bits in host order

    // Where the key stands on the stack.
    private const short KeyAddress = -24;
    private const short KeyPort = -8;
    private const short KeyProtocol = -4;

    // Registers: r0 results, r1… arguments, r3 a value on its way, r6 the context, r10 the stack.
    private const byte R0 = 0;
    private const byte R1 = 1;
    private const byte R2 = 2;
    private const byte R3 = 3;
    private const byte R6 = 6;
    private const byte R10 = 10;

    /// <summary>The program for a map.</summary>
    /// <param name="map">The map's file descriptor.</param>
    public static Instruction[] Build(int map)
    {
        Instruction[] lookup =
        [
            Make(BPF_LD_IMM_DW, R1, BPF_PSEUDO_MAP_FD, 0, map),
            Make(0),
            Make(BPF_ALU64_MOV_X, R2, R10),
            Make(BPF_ALU64_ADD_K, R2, 0, 0, KeyAddress),
            Make(BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem),
        ];
        Instruction[] isGuarded =
        [
            Make(BPF_ALU64_MOV_X, R6, R1),
            .. Address(LocalIPv4, LocalIPv6),
            Make(BPF_ST_MEM_W, R10, 0, KeyPort, 0),
            Make(BPF_ST_MEM_W, R10, 0, KeyProtocol, 0),
            .. lookup,
        ];
        Instruction[] isAdmitted =
        [
            Make(BPF_LDX_MEM_W, R3, R6, LocalPort),
            Make(BPF_STX_MEM_W, R10, R3, KeyPort),
            Make(BPF_LDX_MEM_W, R3, R6, Protocol),
            Make(BPF_STX_MEM_W, R10, R3, KeyProtocol),
            .. lookup,
        ];
        Instruction[] isReply =
        [
            .. Address(RemoteIPv4, RemoteIPv6),
            Make(BPF_LDX_MEM_H, R3, R6, RemotePort),
            Make(BPF_ALU_END_TO_BE, R3, 0, 0, 16),
            Make(BPF_STX_MEM_W, R10, R3, KeyPort),
            .. lookup,
        ];
        Instruction[] drop = [Make(BPF_ALU64_MOV_K, R0, 0, 0, SK_DROP), Make(BPF_EXIT)];
        Instruction[] pass = [Make(BPF_ALU64_MOV_K, R0, 0, 0, SK_PASS), Make(BPF_EXIT)];

        // Each jump leads to "pass", over all that stands between.
        var afterReply = drop.Length;
        var afterAdmitted = isReply.Length + 1 + afterReply;
        var afterGuarded = isAdmitted.Length + 1 + afterAdmitted;
        return
        [
            .. isGuarded, Make(BPF_JEQ_K, R0, 0, (short)afterGuarded, 0),
            .. isAdmitted, Make(BPF_JNE_K, R0, 0, (short)afterAdmitted, 0),
            .. isReply, Make(BPF_JNE_K, R0, 0, (short)afterReply, 0),
            .. drop,
            .. pass,
        ];
    }

    /// <summary>Writes an address of the context into the key.</summary>
    private static Instruction[] Address(short ipv4, short ipv6)
    {
        var six = new List<Instruction>();
        for (short offset = 0; offset < 16; offset += 4)
        {
            six.Add(Make(BPF_LDX_MEM_W, R3, R6, (short)(ipv6 + offset)));
            six.Add(Make(BPF_STX_MEM_W, R10, R3, (short)(KeyAddress + offset)));
        }

        // ::ffff:0:0/96; the third word is 0x0000ffff in network order.
        Instruction[] four =
        [
            Make(BPF_ST_MEM_W, R10, 0, KeyAddress, 0),
            Make(BPF_ST_MEM_W, R10, 0, KeyAddress + 4, 0),
            Make(BPF_ST_MEM_W, R10, 0, KeyAddress + 8, BitConverter.IsLittleEndian ? unchecked((int)0xFFFF0000) : 0x0000FFFF),
            Make(BPF_LDX_MEM_W, R3, R6, ipv4),
            Make(BPF_STX_MEM_W, R10, R3, KeyAddress + 12),
        ];
        return
        [
            Make(BPF_LDX_MEM_W, R2, R6, Family),
            Make(BPF_JEQ_K, R2, 0, (short)(six.Count + 1), AF_INET),
            .. six,
            Make(BPF_JA, 0, 0, (short)four.Length),
            .. four,
        ];
    }

    private static Instruction Make(byte code, byte destination = 0, byte source = 0, short offset = 0, int immediate = 0) =>
        new(code, (byte)(source << 4 | destination), offset, immediate);
}
