using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace ProxyFramework.Backends.Userspace;

/// <summary>The few commands of <c>bpf(2)</c> that a <see cref="PortGuard"/> needs, with the names of linux/bpf.h.</summary>
internal static unsafe partial class Bpf
{
    /// <summary>The value where an architecture is not known here.</summary>
    private const int NoNumber = -1;

    private const int BPF_MAP_CREATE = 0;
    private const int BPF_MAP_UPDATE_ELEM = 2;
    private const int BPF_MAP_DELETE_ELEM = 3;
    private const int BPF_PROG_LOAD = 5;
    private const int BPF_LINK_CREATE = 28;
    private const uint BPF_MAP_TYPE_HASH = 1;
    private const uint BPF_F_NO_PREALLOC = 1;
    private const uint BPF_PROG_TYPE_SK_LOOKUP = 30;
    private const uint BPF_SK_LOOKUP = 36;
    private const int ENOENT = 2;

    private static readonly int SYS_bpf = RuntimeInformation.ProcessArchitecture switch
    {
        Architecture.X64 => 321,
        Architecture.Arm64 => 280,
        _ => NoNumber,
    };

    /// <summary>A hash map that takes memory for what is in it only.</summary>
    /// <exception cref="Win32Exception">The kernel refuses.</exception>
    public static SafeFileHandle CreateHashMap(int keySize, int valueSize, int maxEntries)
    {
        var attributes = new MapCreate
        {
            Type = BPF_MAP_TYPE_HASH,
            KeySize = (uint)keySize,
            ValueSize = (uint)valueSize,
            MaxEntries = (uint)maxEntries,
            Flags = BPF_F_NO_PREALLOC,
        };
        return Open(BPF_MAP_CREATE, &attributes, sizeof(MapCreate));
    }

    /// <summary>Puts an entry into a map.</summary>
    /// <exception cref="Win32Exception">The kernel refuses: <c>E2BIG</c> where the map is full.</exception>
    public static void Set(SafeFileHandle map, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        fixed (byte* keyPointer = key, valuePointer = value)
        {
            var attributes = new MapElement { Map = Number(map), Key = (ulong)keyPointer, Value = (ulong)valuePointer };
            if (Call(BPF_MAP_UPDATE_ELEM, &attributes, sizeof(MapElement)) < 0)
            {
                throw new Win32Exception(Marshal.GetLastPInvokeError());
            }
        }
    }

    /// <summary>Takes an entry out of a map; one that is not there is no error.</summary>
    /// <exception cref="Win32Exception">The kernel refuses.</exception>
    public static void Delete(SafeFileHandle map, ReadOnlySpan<byte> key)
    {
        fixed (byte* keyPointer = key)
        {
            var attributes = new MapElement { Map = Number(map), Key = (ulong)keyPointer };
            if (Call(BPF_MAP_DELETE_ELEM, &attributes, sizeof(MapElement)) < 0 && Marshal.GetLastPInvokeError() is not ENOENT and var error)
            {
                throw new Win32Exception(error);
            }
        }
    }

    /// <summary>Loads a program that is asked before the kernel looks for a listening or unconnected socket.</summary>
    /// <exception cref="Win32Exception">The kernel refuses: too old (before 5.9), or without CAP_BPF.</exception>
    public static SafeFileHandle LoadSocketLookup(ReadOnlySpan<Instruction> program)
    {
        fixed (Instruction* instructions = program)
        fixed (byte* license = "Apache-2.0\0"u8)
        {
            var attributes = new ProgramLoad
            {
                Type = BPF_PROG_TYPE_SK_LOOKUP,
                InstructionCount = (uint)program.Length,
                Instructions = (ulong)instructions,
                License = (ulong)license,
                ExpectedAttachType = BPF_SK_LOOKUP,
            };
            return Open(BPF_PROG_LOAD, &attributes, sizeof(ProgramLoad));
        }
    }

    /// <summary>Puts a program in force in a network namespace, for as long as the handle, or the process, lives.</summary>
    /// <exception cref="Win32Exception">The kernel refuses.</exception>
    public static SafeFileHandle Attach(SafeFileHandle program, SafeFileHandle networkNamespace)
    {
        var attributes = new LinkCreate { Program = Number(program), Target = Number(networkNamespace), AttachType = BPF_SK_LOOKUP };
        return Open(BPF_LINK_CREATE, &attributes, sizeof(LinkCreate));
    }

    private static uint Number(SafeFileHandle handle) => (uint)handle.DangerousGetHandle();

    private static SafeFileHandle Open(int command, void* attributes, int size)
    {
        var descriptor = Call(command, attributes, size);
        return descriptor >= 0 ? new SafeFileHandle(descriptor, ownsHandle: true) : throw new Win32Exception(Marshal.GetLastPInvokeError());
    }

    private static nint Call(int command, void* attributes, int size) => SYS_bpf != NoNumber
        ? syscall(SYS_bpf, command, attributes, size)
        : throw new Win32Exception(38); // ENOSYS

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint syscall(nint number, nint command, void* attributes, nint size);

    /// <summary><c>struct bpf_insn</c>.</summary>
    /// <param name="Code">Class, size and mode, or operation.</param>
    /// <param name="Registers">The destination in the low four bits, the source in the high ones.</param>
    /// <param name="Offset">Of memory, or how far to jump.</param>
    /// <param name="Immediate">A constant.</param>
    [StructLayout(LayoutKind.Sequential)]
    internal readonly record struct Instruction(byte Code, byte Registers, short Offset, int Immediate);

    /// <summary>The start of <c>union bpf_attr</c> for BPF_MAP_CREATE; what is left out is zero.</summary>
    private struct MapCreate
    {
        public uint Type;
        public uint KeySize;
        public uint ValueSize;
        public uint MaxEntries;
        public uint Flags;
    }

    /// <summary><c>union bpf_attr</c> for BPF_MAP_*_ELEM.</summary>
    private struct MapElement
    {
        public uint Map;
        public ulong Key;
        public ulong Value;
        public ulong Flags;
    }

    /// <summary>The start of <c>union bpf_attr</c> for BPF_PROG_LOAD.</summary>
    private struct ProgramLoad
    {
        public uint Type;
        public uint InstructionCount;
        public ulong Instructions;
        public ulong License;
        public uint LogLevel;
        public uint LogSize;
        public ulong LogBuffer;
        public uint KernelVersion;
        public uint Flags;
        public ulong NameLow;
        public ulong NameHigh;
        public uint InterfaceIndex;
        public uint ExpectedAttachType;
    }

    /// <summary>The start of <c>union bpf_attr</c> for BPF_LINK_CREATE.</summary>
    private struct LinkCreate
    {
        public uint Program;
        public uint Target;
        public uint AttachType;
        public uint Flags;
    }
}
