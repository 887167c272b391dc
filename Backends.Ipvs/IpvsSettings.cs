using System.Collections.Immutable;
using System.Globalization;
using Microsoft.Extensions.Configuration;
using ProxyFramework.Netlink.Ipvs;

namespace ProxyFramework.Backends.Ipvs;

/// <summary>The settings of this mode (<c>ipvs:…</c> in the configuration), with their defaults.</summary>
internal sealed record IpvsSettings
{
    // linux/if.h, with its NUL
    private const int IFNAMSIZ = 16;

    /// <summary><c>masquerade-bit</c>: the bit of the packet mark that says "masquerade", 10…15.</summary>
    public int MasqueradeBit { get; private set; } = 14;

    /// <summary><c>device</c>: the dummy device that the routes of service addresses are on.</summary>
    public string Device { get; private set; } = "kube-ipvs0";

    /// <summary><c>strict-arp</c>: whether the node answers ARP for, and asks with, addresses of the asked interface only (arp_ignore 1, arp_announce 2).</summary>
    public bool StrictArp { get; private set; }

    /// <summary><c>exclude-cidrs</c>: ranges whose virtual servers are never taken for ours, whatever tells that they are.</summary>
    public ImmutableArray<InetPrefix> ExcludeCidrs { get; private set; } = [];

    /// <summary><c>tcp-timeout</c>, <c>tcp-fin-timeout</c>, <c>udp-timeout</c>, in seconds; 0 leaves the kernel's.</summary>
    public IpvsTimeouts Timeouts { get; private set; }

    /// <summary>The mark of <see cref="MasqueradeBit"/>.</summary>
    public uint MasqueradeMark => 1u << MasqueradeBit;

    /// <summary>Whether virtual servers of an address are left to others.</summary>
    public bool Excludes(InetAddress address) => ExcludeCidrs.Any(range => range.Contains(address));

    /// <summary>Reads the section.</summary>
    /// <exception cref="BackendException">Settings that are unknown or invalid; all of them are named.</exception>
    public static IpvsSettings Read(IConfiguration section)
    {
        var settings = new IpvsSettings();
        var problems = section.GetChildren()
            .Select(setting => settings.Apply(setting.Key, setting.Value ?? "") is { } problem ? $"ipvs:{setting.Key}: {problem}" : null)
            .OfType<string>()
            .ToList();
        return problems.Count == 0 ? settings : throw new BackendException(string.Join("; ", problems));
    }

    private string? Apply(string name, string value) => name.ToLowerInvariant() switch
    {
        "masquerade-bit" => Number(value, 10, 15, number => MasqueradeBit = number),
        "device" => SetDevice(value),
        "strict-arp" => SetStrictArp(value),
        "exclude-cidrs" => SetExcludeCidrs(value),
        "tcp-timeout" => Seconds(value, time => Timeouts = Timeouts with { Tcp = time }),
        "tcp-fin-timeout" => Seconds(value, time => Timeouts = Timeouts with { TcpFin = time }),
        "udp-timeout" => Seconds(value, time => Timeouts = Timeouts with { Udp = time }),
        _ => "this mode has no such setting; it has device, exclude-cidrs, masquerade-bit, strict-arp, tcp-timeout, tcp-fin-timeout and udp-timeout",
    };

    private string? SetDevice(string value)
    {
        if (value.Length is 0 or >= IFNAMSIZ || value is "." or ".." || value.Any(static character => character is '/' or ':' || char.IsWhiteSpace(character)))
        {
            return $"'{value}' cannot be the name of a device";
        }

        Device = value;
        return null;
    }

    private string? SetStrictArp(string value)
    {
        if (!bool.TryParse(value, out var strict))
        {
            return $"'{value}' is neither true nor false";
        }

        StrictArp = strict;
        return null;
    }

    private string? SetExcludeCidrs(string value)
    {
        foreach (var text in value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            if (!InetPrefix.TryParse(text, out var range))
            {
                return $"'{text}' is not a range of addresses such as 10.0.0.0/8";
            }

            ExcludeCidrs = ExcludeCidrs.Add(range);
        }

        return null;
    }

    private static string? Seconds(string value, Action<TimeSpan> set) => Number(value, 0, 30 * 24 * 60 * 60, seconds => set(TimeSpan.FromSeconds(seconds)));

    private static string? Number(string value, int least, int most, Action<int> set)
    {
        if (!int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number < least || number > most)
        {
            return string.Create(CultureInfo.InvariantCulture, $"'{value}' is not a whole number between {least} and {most}");
        }

        set(number);
        return null;
    }
}
