namespace ProxyFramework;

/// <summary>An IP family, as in the Kubernetes API field <c>spec.ipFamilies</c>; the value is the IP version number.</summary>
public enum IPFamily : byte
{
    /// <summary>Internet Protocol version 4 (RFC 791).</summary>
    IPv4 = 4,

    /// <summary>Internet Protocol version 6 (RFC 8200).</summary>
    IPv6 = 6,
}
