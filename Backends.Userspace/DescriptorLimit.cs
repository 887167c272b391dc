using System.Runtime.InteropServices;

namespace ProxyFramework.Backends.Userspace;

/// <summary>
/// The limit of open files: every listening socket takes one descriptor, every TCP connection two, every UDP flow one.
/// </summary>
/// <param name="Total">The number of descriptors that the process may have.</param>
internal sealed partial record DescriptorLimit(long Total)
{
    private const int RLIMIT_NOFILE = 7;
    private const ulong RLIM_INFINITY = ulong.MaxValue;

    /// <summary>What listening sockets leave for connections: an eighth of all, 64 at least.</summary>
    public long ReservedForConnections => Math.Max(64, Total / 8);

    /// <summary>The most listening sockets.</summary>
    public long MaxListeners => Math.Max(0, Total - ReservedForConnections);

    /// <summary>
    /// Raises the limit as far as this process may: to the system's maximum with CAP_SYS_RESOURCE, else to the hard limit.
    /// </summary>
    public static unsafe DescriptorLimit Raise()
    {
        Limit limit;
        if (prlimit(0, RLIMIT_NOFILE, null, &limit) != 0)
        {
            return new DescriptorLimit(1024);
        }

        var most = ReadSystemMaximum();
        var wanted = new Limit { Soft = Math.Max(most, limit.Hard), Hard = Math.Max(most, limit.Hard) };
        if (limit.Hard == RLIM_INFINITY || prlimit(0, RLIMIT_NOFILE, &wanted, null) != 0)
        {
            wanted = new Limit { Soft = limit.Hard, Hard = limit.Hard };
            _ = prlimit(0, RLIMIT_NOFILE, &wanted, null);
        }

        return prlimit(0, RLIMIT_NOFILE, null, &limit) == 0
            ? new DescriptorLimit((long)Math.Min(limit.Soft, int.MaxValue))
            : new DescriptorLimit(1024);
    }

    /// <summary>What to tell an operator.</summary>
    public string Explain(int listeners) =>
        $"{listeners} listening sockets are open and {ReservedForConnections} of {Total} file descriptors are kept for connections; "
        + "raise the limit of open files (ulimit -n, LimitNOFILE=)";

    private static ulong ReadSystemMaximum()
    {
        try
        {
            return ulong.Parse(File.ReadAllText("/proc/sys/fs/nr_open"), System.Globalization.CultureInfo.InvariantCulture);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or FormatException)
        {
            return 0;
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static unsafe partial int prlimit(int pid, int resource, Limit* wanted, Limit* former);

    /// <summary><c>struct rlimit</c> with 64-bit members.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Limit
    {
        public ulong Soft;
        public ulong Hard;
    }
}
