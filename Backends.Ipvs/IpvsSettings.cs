using System.Collections.Immutable;
using Microsoft.Extensions.Configuration;
using ProxyFramework.Netlink.Ipvs;

namespace ProxyFramework.Backends.Ipvs;

/// <summary>The settings of this mode (<c>ipvs:…</c> in the configuration), with their defaults.</summary>
internal sealed record IpvsSettings
{
    // linux/if.h, with its NUL
    private const int IFNAMSIZ = 16;

    /// <summary><c>masquerade-bit</c>: the bit of the packet mark that says "masquerade", 10…15.</summary>
    public int MasqueradeBit { get; private init; } = 14;

    /// <summary><c>device</c>: the dummy device that the routes of service addresses are on.</summary>
    public string Device { get; private init; } = "kube-ipvs0";

    /// <summary><c>strict-arp</c>: whether the node answers ARP for, and asks with, addresses of the asked interface only (arp_ignore 1, arp_announce 2).</summary>
    public bool StrictArp { get; private init; }

    /// <summary><c>exclude-cidrs</c>: ranges whose virtual servers are never taken for ours, whatever tells that they are.</summary>
    public ImmutableArray<InetPrefix> ExcludeCidrs { get; private init; } = [];

    /// <summary><c>tcp-timeout</c>, <c>tcp-fin-timeout</c>, <c>udp-timeout</c>, in seconds; 0 leaves the kernel's.</summary>
    public IpvsTimeouts Timeouts { get; private init; }

    /// <summary>The mark of <see cref="MasqueradeBit"/>.</summary>
    public uint MasqueradeMark => 1u << MasqueradeBit;

    /// <summary>Whether virtual servers of an address are left to others.</summary>
    public bool Excludes(InetAddress address) => ExcludeCidrs.Any(range => range.Contains(address));

    /// <summary>Reads the section.</summary>
    /// <exception cref="BackendException">Settings that are unknown or invalid; all of them are named.</exception>
    public static IpvsSettings Read(IConfiguration section) => OptionReader.ReadSettings(section, "ipvs", ["device", "exclude-cidrs", "masquerade-bit", "strict-arp", "tcp-timeout", "tcp-fin-timeout", "udp-timeout"], static read =>
    {
        var defaults = new IpvsSettings();
        return defaults with
        {
            Device = read.Value("device", defaults.Device, ReadDevice),
            ExcludeCidrs = read.Value("exclude-cidrs", defaults.ExcludeCidrs, ReadRanges),
            MasqueradeBit = read.WholeNumber("masquerade-bit", defaults.MasqueradeBit, 10, 15),
            StrictArp = read.Flag("strict-arp", defaults.StrictArp),
            Timeouts = new(Seconds(read, "tcp-timeout"), Seconds(read, "tcp-fin-timeout"), Seconds(read, "udp-timeout")),
        };
    });

    private static string ReadDevice(string text) =>
        text.Length is 0 or >= IFNAMSIZ || text is "." or ".." || text.Any(static character => character is '/' or ':' || char.IsWhiteSpace(character))
            ? throw new FormatException($"'{text}' cannot be the name of a device")
            : text;

    private static ImmutableArray<InetPrefix> ReadRanges(string text) =>
    [
        .. text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(static range =>
            InetPrefix.TryParse(range, out var prefix) ? prefix : throw new FormatException($"'{range}' is not a range of addresses such as 10.0.0.0/8")),
    ];

    private static TimeSpan Seconds(OptionReader read, string name) => TimeSpan.FromSeconds(read.WholeNumber(name, 0, 0, 30 * 24 * 60 * 60));
}
