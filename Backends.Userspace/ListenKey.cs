using System.Globalization;

namespace ProxyFramework.Backends.Userspace;

/// <summary>What a listening socket is bound to.</summary>
internal readonly record struct ListenKey(InetAddress Address, ushort Port, TransportProtocol Protocol)
{
    /// <summary>The address and port, with brackets for IPv6.</summary>
    public override string ToString() => Address.IsIPv4
        ? string.Create(CultureInfo.InvariantCulture, $"{Address}:{Port}")
        : string.Create(CultureInfo.InvariantCulture, $"[{Address}]:{Port}");
}
