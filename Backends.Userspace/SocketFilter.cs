using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace ProxyFramework.Backends.Userspace;

/// <summary>
/// A classic BPF program on a listening socket (<c>SO_ATTACH_FILTER</c>, needs no privilege): what it drops, a SYN or a datagram,
/// vanishes without an answer, which a socket alone cannot do. It sees the packet from the transport header on, and reaches the
/// network header and the interface through the kernel's negative offsets (<c>linux/filter.h</c>).
/// </summary>
internal sealed class SocketFilter : IEquatable<SocketFilter>
{
    // Values of linux/bpf_common.h and linux/filter.h, by the names they have there.
    private const ushort BPF_LD_W_ABS = 0x20;
    private const ushort BPF_ALU_AND_K = 0x54;
    private const ushort BPF_JMP_JA = 0x05;
    private const ushort BPF_JMP_JEQ_K = 0x15;
    private const ushort BPF_RET_K = 0x06;
    private const int BPF_MAXINSNS = 4096;
    private const uint SKF_AD_IFINDEX = unchecked((uint)(-0x1000 + 8));
    private const uint SKF_NET_OFF = unchecked((uint)-0x100000);
    private const int SOL_SOCKET = 1;
    private const int SO_ATTACH_FILTER = 26;
    private const int SO_DETACH_FILTER = 27;
    private const int LoopbackInterfaceIndex = 1; // LOOPBACK_IFINDEX of include/net/flow.h
    private const uint WholePacket = uint.MaxValue;

    private readonly ImmutableArray<Instruction> _program;

    private SocketFilter(ImmutableArray<Instruction> program) => _program = program;

    /// <summary>Drops everything.</summary>
    public static SocketFilter DropAll { get; } = new([new Instruction(BPF_RET_K, 0, 0, 0)]);

    /// <summary>The number of instructions, for tests.</summary>
    public int Length => _program.Length;

    /// <summary>The program for a rule; null where it lets everything in.</summary>
    /// <exception cref="BackendException">The rule does not fit into a program.</exception>
    public static SocketFilter? Build(AdmissionRule rule)
    {
        if (rule.AdmitsNothing)
        {
            return DropAll;
        }

        if (rule.AdmitsEverything)
        {
            return null;
        }

        var program = ImmutableArray.CreateBuilder<Instruction>();
        if (!rule.SourceRanges.IsDefault)
        {
            var jumps = new List<int>();
            foreach (var range in rule.SourceRanges)
            {
                AddIfSourceIn(program, range, rule.Family, () =>
                {
                    jumps.Add(program.Count);
                    program.Add(default);
                });
            }

            program.Add(new Instruction(BPF_RET_K, 0, 0, 0));
            foreach (var jump in jumps)
            {
                program[jump] = new Instruction(BPF_JMP_JA, 0, 0, (uint)(program.Count - jump - 1));
            }
        }

        program.Add(new Instruction(BPF_LD_W_ABS, 0, 0, SKF_AD_IFINDEX));
        program.Add(new Instruction(BPF_JMP_JEQ_K, 0, 1, LoopbackInterfaceIndex));
        program.Add(Return(rule.Node));
        if (rule.LocalPod != rule.Outside)
        {
            foreach (var index in rule.LocalPodInterfaces)
            {
                program.Add(new Instruction(BPF_JMP_JEQ_K, 0, 1, (uint)index));
                program.Add(Return(rule.LocalPod));
            }

            foreach (var range in rule.LocalPodRanges)
            {
                AddIfSourceIn(program, range, rule.Family, () => program.Add(Return(rule.LocalPod)));
            }
        }

        program.Add(Return(rule.Outside));
        return program.Count <= BPF_MAXINSNS
            ? new SocketFilter(program.DrainToImmutable())
            : throw new BackendException(
                $"its source ranges and pod ranges need a socket filter of {program.Count} instructions; the kernel takes {BPF_MAXINSNS}");
    }

    /// <summary>Attaches the program, in place of another one.</summary>
    public unsafe void Attach(Socket socket)
    {
        var code = MemoryMarshal.AsBytes(_program.AsSpan());
        fixed (byte* pointer = code)
        {
            // struct sock_fprog { unsigned short len; struct sock_filter *filter; }
            Span<byte> argument = stackalloc byte[2 * sizeof(nint)];
            argument.Clear();
            MemoryMarshal.Write(argument, (ushort)_program.Length);
            MemoryMarshal.Write(argument[sizeof(nint)..], (nint)pointer);
            socket.SetRawSocketOption(SOL_SOCKET, SO_ATTACH_FILTER, argument);
        }
    }

    /// <summary>Takes the program off. An accepted socket inherits that of its listener.</summary>
    public static void Detach(Socket socket)
    {
        ReadOnlySpan<byte> unused = [0, 0, 0, 0];
        socket.SetRawSocketOption(SOL_SOCKET, SO_DETACH_FILTER, unused);
    }

    public bool Equals(SocketFilter? other) => other is not null && _program.AsSpan().SequenceEqual(other._program.AsSpan());

    public override bool Equals(object? obj) => Equals(obj as SocketFilter);

    public override int GetHashCode() => _program.Length;

    private static Instruction Return(bool admit) => new(BPF_RET_K, 0, 0, admit ? WholePacket : 0);

    /// <summary>Adds a test of the source address, which runs <paramref name="then"/>'s single instruction where it matches.</summary>
    private static void AddIfSourceIn(ImmutableArray<Instruction>.Builder program, InetPrefix range, IPFamily family, Action then)
    {
        if (range.Family != family)
        {
            return;
        }

        Span<byte> address = stackalloc byte[16];
        range.Address.WriteBytes(address);
        var sourceOffset = family == IPFamily.IPv4 ? 12u : 8u;
        var misses = new List<int>();
        for (var word = 0; word * 32 < range.Length; word++)
        {
            program.Add(new Instruction(BPF_LD_W_ABS, 0, 0, SKF_NET_OFF + sourceOffset + (uint)(4 * word)));
            var bits = range.Length - word * 32;
            if (bits < 32)
            {
                program.Add(new Instruction(BPF_ALU_AND_K, 0, 0, uint.MaxValue << (32 - bits)));
            }

            misses.Add(program.Count);
            program.Add(new Instruction(BPF_JMP_JEQ_K, 0, 0, BinaryPrimitives.ReadUInt32BigEndian(address[(4 * word)..])));
        }

        then();
        foreach (var miss in misses)
        {
            program[miss] = program[miss] with { JumpFalse = (byte)(program.Count - miss - 1) };
        }
    }

    /// <summary><c>struct sock_filter</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct Instruction(ushort Code, byte JumpTrue, byte JumpFalse, uint K);
}
