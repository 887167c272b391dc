using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace ProxyFramework.Userspace.Tests.Backend;

/// <summary>Runs code as a process without capabilities would: they belong to the thread (capabilities(7)).</summary>
internal static partial class Capabilities
{
    private const uint LINUX_CAPABILITY_VERSION_3 = 0x20080522;
    private const int SYS_capset_x64 = 126;
    private const int SYS_capset_arm64 = 91;

    public static T WithoutAny<T>(Func<T> function)
    {
        T result = default!;
        ExceptionDispatchInfo? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                Drop();
                result = function();
            }
            catch (Exception error)
            {
                failure = ExceptionDispatchInfo.Capture(error);
            }
        });
        thread.Start();
        thread.Join();
        failure?.Throw();
        return result;
    }

    private static unsafe void Drop()
    {
        // struct __user_cap_header_struct { version; pid; } and two times { effective; permitted; inheritable; }, all zero.
        var header = stackalloc uint[2] { LINUX_CAPABILITY_VERSION_3, 0 };
        var none = stackalloc uint[6] { 0, 0, 0, 0, 0, 0 };
        var number = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? SYS_capset_arm64 : SYS_capset_x64;
        if (syscall(number, header, none) != 0)
        {
            throw new InvalidOperationException($"capset: error {Marshal.GetLastSystemError()}");
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static unsafe partial nint syscall(nint number, uint* header, uint* data);
}
