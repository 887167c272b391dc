using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace ProxyFramework.Backends.Userspace;

/// <summary>
/// The limit of open files: every listening socket takes one descriptor, every TCP connection two, every UDP flow one. The runtime
/// takes some at any time (an assembly that is loaded, the files of the system that the garbage collector reads), and ends the process
/// where it gets none: traffic never has the last ones.
/// </summary>
/// <param name="Total">The number of descriptors that the process may have.</param>
/// <param name="ForProgram">How many of them are the program's own: what was open already, and what is kept for the runtime.</param>
internal sealed partial record DescriptorLimit(long Total, long ForProgram = 0)
{
    private const int KeptForRuntime = 64;
    private const int RLIMIT_NOFILE = 7;
    private const ulong RLIM_INFINITY = ulong.MaxValue;

    /// <summary>What listening sockets leave for connections: an eighth of all, 64 at least.</summary>
    public long ReservedForConnections => Math.Max(64, Total / 8);

    /// <summary>The most listening sockets.</summary>
    public long MaxListeners => Math.Max(0, Total - ForProgram - ReservedForConnections);

    /// <summary>From this descriptor on they are kept for the runtime. The kernel always gives the lowest one that is free (open(2)).</summary>
    public long FirstKept { get; private init; } = long.MaxValue;

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

        var total = prlimit(0, RLIMIT_NOFILE, null, &limit) == 0 ? (long)Math.Min(limit.Soft, int.MaxValue) : 1024;
        return new DescriptorLimit(total, Directory.EnumerateFileSystemEntries("/proc/self/fd").Count() + KeptForRuntime)
        {
            FirstKept = total - KeptForRuntime,
        };
    }

    /// <summary>Takes a new socket of a connection or flow only if it leaves enough for the runtime: otherwise closes it, with a reset.</summary>
    /// <exception cref="SocketException">It does not, which is as good as none at all.</exception>
    public void Require(Socket socket)
    {
        if (socket.Handle >= FirstKept)
        {
            if (socket.SocketType == SocketType.Stream)
            {
                socket.LingerState = new LingerOption(true, 0);
            }

            socket.Dispose();
            throw new SocketException((int)SocketError.TooManyOpenSockets);
        }
    }

    /// <summary>What to tell an operator.</summary>
    public string Explain(int listeners) =>
        $"{listeners} listening sockets are open and {ReservedForConnections} of {Total} file descriptors are kept for connections"
        + (ForProgram > 0 ? $", {ForProgram} for the program itself" : "") + "; raise the limit of open files (ulimit -n, LimitNOFILE=)";

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
