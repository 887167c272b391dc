using System.Runtime.InteropServices;

namespace ProxyFramework.Behaviour.Testbed;

/// <summary>The few system calls that the class library does not offer.</summary>
internal static partial class Native
{
    public const int CLONE_NEWNET = 0x40000000; // linux/sched.h
    public const int SIGTERM = 15;
    public const int SIGKILL = 9;
    public const int AF_INET = 2;
    public const int AF_INET6 = 10;
    public const int SOCK_RAW = 3;
    public const int SOCK_CLOEXEC = 0x80000;
    public const int IPPROTO_SCTP = 132;

    [LibraryImport("libc", SetLastError = true)]
    public static partial int setns(int fd, int namespaceType);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int kill(int pid, int signal);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int socket(int domain, int type, int protocol);
}
