using System.Runtime.InteropServices;

namespace ProxyFramework.Core.Plugins;

/// <summary>
/// Whether a file can be changed by someone who should not decide what this process runs. Plugins run with all of the proxy's
/// privileges, so their files are trusted only where nobody but root and the user of this process can write them.
/// </summary>
internal static partial class FileOwnership
{
    // linux/fcntl.h, linux/stat.h
    private const int AT_FDCWD = -100;
    private const uint STATX_BASIC_STATS = 0x7FF;

    /// <summary>What is wrong with the ownership or permissions of a file or folder, and what to do; null for nothing.</summary>
    /// <param name="path">The file or folder.</param>
    /// <param name="whole">The folder that is to be mended as a whole; null for the path alone.</param>
    /// <exception cref="IOException">It cannot be examined.</exception>
    public static string? FindProblem(string path, string? whole = null)
    {
        if (StatX(AT_FDCWD, path, 0, STATX_BASIC_STATS, out var status) != 0)
        {
            throw new IOException($"{path}: {Marshal.GetLastPInvokeErrorMessage()}");
        }

        var mode = (UnixFileMode)(status.Mode & 0xFFF);
        if ((mode & (UnixFileMode.GroupWrite | UnixFileMode.OtherWrite)) != 0)
        {
            return $"{path} can be written by others than its owner (mode {Convert.ToString((int)mode, 8)}): run 'chmod {What("go-w")}'";
        }

        return status.Uid != 0 && status.Uid != GetEffectiveUserId()
            ? $"{path} belongs to user {status.Uid}, who is neither root nor the user of this process ({GetEffectiveUserId()}): run 'chown {What(GetEffectiveUserId())}'"
            : null;

        string What<T>(T change) => whole is null ? $"{change} {path}" : $"-R {change} {whole}";
    }

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int StatX(int directory, string path, int flags, uint mask, out Status status);

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint GetEffectiveUserId();

    /// <summary><c>struct statx</c> (<c>linux/stat.h</c>), the same on every architecture, unlike <c>struct stat</c>.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct Status
    {
        [FieldOffset(20)]
        public uint Uid;

        [FieldOffset(28)]
        public ushort Mode;
    }
}
