namespace ProxyFramework.Netlink;

/// <summary>What came over a netlink socket is not well-formed: a length points outside, or a value has the wrong size.</summary>
public sealed class NetlinkFormatException : FormatException
{
    /// <summary>Bytes that are not well-formed, for an unnamed reason.</summary>
    public NetlinkFormatException()
        : this("malformed netlink message")
    {
    }

    /// <summary>Bytes that are not well-formed, and why.</summary>
    public NetlinkFormatException(string message)
        : base(message)
    {
    }

    /// <summary>Bytes that are not well-formed, why, and what found it.</summary>
    public NetlinkFormatException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
