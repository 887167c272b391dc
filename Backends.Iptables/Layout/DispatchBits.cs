using System.Globalization;
using ProxyFramework.KernelBackends;

namespace ProxyFramework.Backends.Iptables.Layout;

/// <summary>Which bits of a frontend a tree goes by, and how iptables matches them.</summary>
internal abstract class DispatchBits
{
    /// <summary>How many bits there are, 32 at most.</summary>
    public abstract int Count { get; }

    /// <summary>The bit that the keys are told apart by at a depth.</summary>
    public abstract int Bit(FrontendKey key, int depth);

    /// <summary>Matches the keys that begin with some bits, as iptables-save prints it, with a space after it.</summary>
    /// <param name="value">The bits, the first one lowest.</param>
    /// <param name="depth">How many they are.</param>
    public abstract string Match(uint value, int depth);
}

/// <summary>
/// The lowest bits of the destination address, lowest first. Addresses are given out at random or in sequence within one range, so
/// their low bits are even where leading ones would not be.
/// </summary>
internal sealed class AddressBits(IPFamily family) : DispatchBits
{
    public override int Count => 32;

    public override int Bit(FrontendKey key, int depth)
    {
        Span<byte> bytes = stackalloc byte[16];
        var size = key.Address.WriteBytes(bytes);
        return (bytes[size - 1 - (depth / 8)] >> (depth % 8)) & 1;
    }

    public override string Match(uint value, int depth) => depth == Count && family == IPFamily.IPv4
        ? $"-d {Text(value)}/32 "
        : $"-d {Text(value)}/{Text(depth == Count ? uint.MaxValue : (1u << depth) - 1)} ";

    /// <summary>As inet_ntop(3) writes it: an IPv6 address with no more than its last 32 bits as an embedded IPv4 address, unless the last 16 suffice.</summary>
    private string Text(uint value) => (family, value) switch
    {
        (IPFamily.IPv6, 0) => "::",
        (IPFamily.IPv6, <= ushort.MaxValue) => "::" + value.ToString("x", CultureInfo.InvariantCulture),
        (IPFamily.IPv6, _) => $"::{InetAddress.FromIPv4(value)}",
        _ => InetAddress.FromIPv4(value).ToString(),
    };
}

/// <summary>The port, highest bit first: what shares some bits is a range.</summary>
internal sealed class PortBits(TransportProtocol protocol) : DispatchBits
{
    private readonly string _protocol = protocol.ToApiName().ToLowerInvariant();

    public override int Count => 16;

    public override int Bit(FrontendKey key, int depth) => (key.Port >> (15 - depth)) & 1;

    public override string Match(uint value, int depth)
    {
        var from = 0;
        for (var i = 0; i < depth; i++)
        {
            from |= (int)((value >> i) & 1) << (15 - i);
        }

        var to = from | (ushort.MaxValue >> depth);
        return string.Create(CultureInfo.InvariantCulture, $"-p {_protocol} -m {_protocol} --dport {from}{(from == to ? "" : $":{to}")} ");
    }
}
