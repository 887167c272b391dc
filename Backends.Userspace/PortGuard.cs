using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace ProxyFramework.Backends.Userspace;

/// <summary>
/// Keeps the node's own daemons off service addresses. An address that is made local is one of the node's, so whatever listens on
/// all addresses (sshd, say) would answer there too (kubernetes #72236). A program that the kernel asks when it looks for the socket
/// of a new connection or of a datagram (BPF_PROG_TYPE_SK_LOOKUP, linux/bpf.h) lets only admitted ports of guarded addresses be
/// found; for all others there is no socket, and the kernel refuses as for any closed port. The cost of a packet does not depend on
/// the number of services. Established connections are found before the program is asked.
/// </summary>
internal sealed class PortGuard : IDisposable
{
    /// <summary>Enough for as many listening sockets as a process may have descriptors by default; 4 MiB of buckets.</summary>
    private const int MaxEntries = 1 << 18;

    private const int KeySize = 24;
    private readonly SafeFileHandle _entries;
    private readonly SafeFileHandle _link;

    private PortGuard(SafeFileHandle entries, SafeFileHandle link)
    {
        _entries = entries;
        _link = link;
    }

    /// <summary>Puts a guard without guarded addresses in force in the calling thread's network namespace.</summary>
    /// <exception cref="BackendException">The kernel or the missing privilege does not allow it.</exception>
    public static PortGuard Open()
    {
        SafeFileHandle? entries = null;
        try
        {
            entries = Bpf.CreateHashMap(KeySize, sizeof(int), MaxEntries);
            using var program = Bpf.LoadSocketLookup(PortGuardProgram.Build((int)entries.DangerousGetHandle()));
            using var space = File.OpenHandle("/proc/thread-self/ns/net");
            return new PortGuard(entries, Bpf.Attach(program, space));
        }
        catch (Win32Exception error)
        {
            entries?.Dispose();
            throw new BackendException(
                error.NativeErrorCode is 1 or 13 // EPERM, EACCES
                    ? "CAP_BPF and CAP_NET_ADMIN are needed"
                    : $"Linux 5.9 or later with CONFIG_BPF_SYSCALL is needed ({error.Message})",
                error);
        }
        catch
        {
            entries?.Dispose();
            throw;
        }
    }

    /// <summary>Refuses all ports of an address that are not admitted.</summary>
    /// <exception cref="BackendException">There are too many.</exception>
    public void Guard(InetAddress address) => Set(new(address, 0, 0));

    /// <summary>Lets all ports of an address be reached again.</summary>
    public void Unguard(InetAddress address) => Delete(new(address, 0, 0));

    /// <summary>Lets a port be reached.</summary>
    /// <exception cref="BackendException">There are too many.</exception>
    public void Admit(ListenKey key) => Set(key);

    /// <summary>Takes that back.</summary>
    public void Exclude(ListenKey key) => Delete(key);

    public void Dispose()
    {
        _link.Dispose();
        _entries.Dispose();
    }

    private static void WriteKey(Span<byte> bytes, ListenKey key)
    {
        bytes.Clear();
        if (key.Address.IsIPv4)
        {
            bytes[10] = bytes[11] = 0xFF;
            key.Address.WriteBytes(bytes[12..]);
        }
        else
        {
            key.Address.WriteBytes(bytes);
        }

        MemoryMarshal.Write(bytes[16..], (uint)key.Port);
        MemoryMarshal.Write(bytes[20..], (uint)key.Protocol);
    }

    private void Set(ListenKey key)
    {
        Span<byte> bytes = stackalloc byte[KeySize];
        WriteKey(bytes, key);
        try
        {
            Bpf.Set(_entries, bytes, [1, 0, 0, 0]);
        }
        catch (Win32Exception error)
        {
            throw new BackendException($"it cannot be admitted at a guarded address (there is room for {MaxEntries} ports): {error.Message}", error);
        }
    }

    private void Delete(ListenKey key)
    {
        Span<byte> bytes = stackalloc byte[KeySize];
        WriteKey(bytes, key);
        Bpf.Delete(_entries, bytes);
    }
}
