using System.Globalization;

namespace ProxyFramework;

/// <summary>
/// A place that traffic can be sent to. Only what takes new connections is ever handed to a backend as part of an
/// <see cref="EndpointGroup"/>: readiness, topology, health verdicts and a weight of 0 have been applied before.
/// </summary>
/// <param name="Address">The endpoint's address (<c>EndpointSlice endpoints[].addresses[0]</c>).</param>
/// <param name="Port">The target port, 1…65535.</param>
/// <param name="Weight">Its share of new connections relative to the others of its group, 1…65535; 1 unless set.</param>
/// <param name="IsLocal">Whether it runs on this node.</param>
public readonly record struct Endpoint(InetAddress Address, ushort Port, ushort Weight = 1, bool IsLocal = false)
{
    /// <summary>The address and port in the usual form, with brackets for IPv6.</summary>
    public override string ToString() => Address.IsIPv4
        ? string.Create(CultureInfo.InvariantCulture, $"{Address}:{Port}")
        : string.Create(CultureInfo.InvariantCulture, $"[{Address}]:{Port}");
}
