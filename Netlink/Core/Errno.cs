using System.Globalization;

namespace ProxyFramework.Netlink;

/// <summary>The error numbers that netlink answers with (asm-generic/errno.h; the same on every architecture that .NET runs on).</summary>
public static class Errno
{
    /// <summary>Operation not permitted: <c>CAP_NET_ADMIN</c> is missing.</summary>
    public const int EPERM = 1;

    /// <summary>No such object.</summary>
    public const int ENOENT = 2;

    /// <summary>No such process; rtnetlink's word for a route that is not there.</summary>
    public const int ESRCH = 3;

    /// <summary>Interrupted; a dump that changed under its reader.</summary>
    public const int EINTR = 4;

    /// <summary>Try again; nf_tables: the generation changed.</summary>
    public const int EAGAIN = 11;

    /// <summary>Out of memory.</summary>
    public const int ENOMEM = 12;

    /// <summary>Permission denied.</summary>
    public const int EACCES = 13;

    /// <summary>The object is in use.</summary>
    public const int EBUSY = 16;

    /// <summary>The object exists already.</summary>
    public const int EEXIST = 17;

    /// <summary>No such device.</summary>
    public const int ENODEV = 19;

    /// <summary>Invalid argument.</summary>
    public const int EINVAL = 22;

    /// <summary>The table, set or buffer is full.</summary>
    public const int ENOSPC = 28;

    /// <summary>Numerical result out of range; nf_tables: names and lengths that are too long.</summary>
    public const int ERANGE = 34;

    /// <summary>Too many levels: chains that jump in a circle.</summary>
    public const int ELOOP = 40;

    /// <summary>Restart; nf_tables: the generation that a batch expects is not the current one.</summary>
    public const int ERESTART = 85;

    /// <summary>The message is longer than the socket's send buffer.</summary>
    public const int EMSGSIZE = 90;

    /// <summary>The operation is not supported: a kernel module is missing.</summary>
    public const int EOPNOTSUPP = 95;

    /// <summary>The address family is not supported.</summary>
    public const int EAFNOSUPPORT = 97;

    /// <summary>The address cannot be assigned; it is not there.</summary>
    public const int EADDRNOTAVAIL = 99;

    /// <summary>The network is unreachable; no route.</summary>
    public const int ENETUNREACH = 101;

    /// <summary>The socket's receive buffer ran over, messages are lost.</summary>
    public const int ENOBUFS = 105;

    /// <summary>No answer came.</summary>
    public const int ETIMEDOUT = 110;

    /// <summary>No route to the host.</summary>
    public const int EHOSTUNREACH = 113;

    /// <summary>The owner or the object is stale.</summary>
    public const int ESTALE = 116;

    /// <summary>The header's name for an error number, or <c>errno N</c>.</summary>
    public static string Name(int errno) => errno switch
    {
        EPERM => nameof(EPERM),
        ENOENT => nameof(ENOENT),
        ESRCH => nameof(ESRCH),
        EINTR => nameof(EINTR),
        EAGAIN => nameof(EAGAIN),
        ENOMEM => nameof(ENOMEM),
        EACCES => nameof(EACCES),
        EBUSY => nameof(EBUSY),
        EEXIST => nameof(EEXIST),
        ENODEV => nameof(ENODEV),
        EINVAL => nameof(EINVAL),
        ENOSPC => nameof(ENOSPC),
        ERANGE => nameof(ERANGE),
        ELOOP => nameof(ELOOP),
        ERESTART => nameof(ERESTART),
        EMSGSIZE => nameof(EMSGSIZE),
        EOPNOTSUPP => nameof(EOPNOTSUPP),
        EAFNOSUPPORT => nameof(EAFNOSUPPORT),
        EADDRNOTAVAIL => nameof(EADDRNOTAVAIL),
        ENETUNREACH => nameof(ENETUNREACH),
        ENOBUFS => nameof(ENOBUFS),
        ETIMEDOUT => nameof(ETIMEDOUT),
        EHOSTUNREACH => nameof(EHOSTUNREACH),
        ESTALE => nameof(ESTALE),
        _ => string.Create(CultureInfo.InvariantCulture, $"errno {errno}"),
    };
}
