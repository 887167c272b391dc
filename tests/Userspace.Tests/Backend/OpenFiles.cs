using System.Globalization;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace ProxyFramework.Userspace.Tests.Backend;

/// <summary>The limit of open files of this process, lowered for a while.</summary>
internal static partial class OpenFiles
{
    private const int RLIMIT_NOFILE = 7;

    /// <summary>Runs something while no descriptor is left; what it is given sets one free.</summary>
    public static void WithNoneLeft(Action<Action> action)
    {
        var taken = new Stack<Socket>();
        StartThreads();
        try
        {
            WithLimit(HighestInUse() + 2, () =>
            {
                try
                {
                    while (true)
                    {
                        taken.Push(new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp));
                    }
                }
                catch (SocketException)
                {
                    // All taken.
                }

                action(() => taken.Pop().Dispose());
            });
        }
        finally
        {
            foreach (var socket in taken)
            {
                socket.Dispose();
            }
        }
    }

    /// <summary>The runtime cannot start a thread without a descriptor, and ends the process: what the pool may need is started before.</summary>
    private static void StartThreads()
    {
        const int Threads = 16;
        ThreadPool.SetMinThreads(Threads, Threads);
        var all = new Barrier(Threads + 1);
        for (var thread = 0; thread < Threads; thread++)
        {
            ThreadPool.QueueUserWorkItem(_ => all.SignalAndWait());
        }

        all.SignalAndWait();
    }

    private static int HighestInUse() =>
        Directory.EnumerateFileSystemEntries("/proc/self/fd").Max(path => int.Parse(Path.GetFileName(path), CultureInfo.InvariantCulture));

    private static unsafe void WithLimit(int files, Action action)
    {
        ulong[] before = [0, 0];
        fixed (ulong* former = before)
        {
            _ = prlimit(0, RLIMIT_NOFILE, null, former);
        }

        try
        {
            Set([(ulong)files, before[1]]);
            action();
        }
        finally
        {
            Set(before);
        }
    }

    private static unsafe void Set(ulong[] limit)
    {
        fixed (ulong* wanted = limit)
        {
            if (prlimit(0, RLIMIT_NOFILE, wanted, null) != 0)
            {
                throw new InvalidOperationException($"prlimit: error {Marshal.GetLastSystemError()}");
            }
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static unsafe partial int prlimit(int pid, int resource, ulong* wanted, ulong* former);
}
