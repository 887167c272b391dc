using System.Collections.Immutable;
using System.Runtime.InteropServices;
using System.Text;

namespace ProxyFramework.Backends.Userspace;

/// <summary>The network interfaces of this network namespace, by name and index (<c>if_nameindex(3)</c>, <c>if_indextoname(3)</c>).</summary>
internal static partial class NetworkInterfaces
{
    private const int IF_NAMESIZE = 16;

    /// <summary>Whether an interface is one that pods of this node are behind.</summary>
    public static bool Matches(LocalPodDetection pods, string? name) => name is not null && pods.Mode switch
    {
        LocalPodDetectionMode.BridgeInterface => name == pods.InterfaceName,
        LocalPodDetectionMode.InterfaceNamePrefix => name.StartsWith(pods.InterfaceName, StringComparison.Ordinal),
        _ => false,
    };

    /// <summary>The indexes of all matching interfaces, ordered.</summary>
    public static unsafe ImmutableArray<int> IndexesOf(LocalPodDetection pods)
    {
        var list = if_nameindex();
        if (list is null)
        {
            return [];
        }

        var indexes = ImmutableArray.CreateBuilder<int>();
        for (var entry = list; entry->Index != 0; entry++)
        {
            if (Matches(pods, Marshal.PtrToStringUTF8((nint)entry->Name)))
            {
                indexes.Add((int)entry->Index);
            }
        }

        if_freenameindex(list);
        indexes.Sort();
        return indexes.DrainToImmutable();
    }

    /// <summary>The name of an interface; null where it is gone.</summary>
    public static unsafe string? NameOf(int index)
    {
        var name = stackalloc byte[IF_NAMESIZE];
        return if_indextoname((uint)index, name) is null
            ? null
            : Encoding.UTF8.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(name));
    }

    [LibraryImport("libc")]
    private static unsafe partial NameIndex* if_nameindex();

    [LibraryImport("libc")]
    private static unsafe partial void if_freenameindex(NameIndex* list);

    [LibraryImport("libc")]
    private static unsafe partial byte* if_indextoname(uint index, byte* name);

    /// <summary><c>struct if_nameindex</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private unsafe struct NameIndex
    {
        public uint Index;
        public byte* Name;
    }
}
