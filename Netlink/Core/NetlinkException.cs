using System.Runtime.InteropServices;

namespace ProxyFramework.Netlink;

/// <summary>The kernel refused a request, or the socket failed.</summary>
public sealed class NetlinkException : Exception
{
    /// <summary>A failure without an error number.</summary>
    public NetlinkException()
        : this("netlink request failed")
    {
    }

    /// <summary>A failure without an error number.</summary>
    public NetlinkException(string message)
        : base(message)
    {
    }

    /// <summary>A failure without an error number.</summary>
    public NetlinkException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>What the kernel answered.</summary>
    public NetlinkException(NetlinkError error)
        : base(error?.ToString())
    {
        ArgumentNullException.ThrowIfNull(error);
        Error = error;
        ErrorNumber = error.Errno;
    }

    /// <summary>A system call that failed.</summary>
    /// <param name="call">The call's name, such as <c>bind</c>.</param>
    /// <param name="errno">Its error number.</param>
    public NetlinkException(string call, int errno)
        : base($"netlink {call}: {Errno.Name(errno)}, {Marshal.GetPInvokeErrorMessage(errno)}")
    {
        ErrorNumber = errno;
    }

    /// <summary>The positive error number (errno(3)), or 0 where there is none; <see cref="Errno"/> has the names.</summary>
    public int ErrorNumber { get; }

    /// <summary>The kernel's answer; null where a system call failed.</summary>
    public NetlinkError? Error { get; }
}
