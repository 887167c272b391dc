using System.Globalization;
using System.Runtime.InteropServices;

namespace ProxyFramework.Userspace.Tests.Backend;

/// <summary>The limit of open files of this process, lowered for a while.</summary>
internal static partial class OpenFiles
{
    private const int RLIMIT_NOFILE = 7;

    public static int HighestInUse() =>
        Directory.EnumerateFileSystemEntries("/proc/self/fd").Max(path => int.Parse(Path.GetFileName(path), CultureInfo.InvariantCulture));

    public static unsafe void WithLimit(int files, Action action)
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
