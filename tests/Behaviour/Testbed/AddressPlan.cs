using System.Net;

namespace ProxyFramework.Behaviour.Testbed;

/// <summary>Gives out addresses and node ports of a world, each once.</summary>
public sealed class AddressPlan
{
    private int _last = 9;
    private int _lastNodePort = 30000;

    /// <summary>Where <see cref="Next"/> takes them from.</summary>
    public static IEnumerable<string> Ranges(Family family) => family == Family.IPv4
        ? ["10.96.0.0/16", "198.18.0.0/15"]
        : ["fd00:10:96::/64", "2001:db8:e::/64", "2001:db8:b::/64"];

    public IPAddress Next(string kind, Family family)
    {
        var number = Interlocked.Increment(ref _last);
        var (high, low) = (number >> 8, number & 0xFF);
        return IPAddress.Parse((kind, family) switch
        {
            ("cluster", Family.IPv4) => $"10.96.{high}.{low}",
            ("cluster", Family.IPv6) => $"fd00:10:96::{number:x}",
            ("external", Family.IPv4) => $"198.18.{high}.{low}",
            ("external", Family.IPv6) => $"2001:db8:e::{number:x}",
            ("lb", Family.IPv4) => $"198.19.{high}.{low}",
            ("lb", Family.IPv6) => $"2001:db8:b::{number:x}",
            _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "no such kind of address"),
        });
    }

    public int NextNodePort() => Interlocked.Increment(ref _lastNodePort);
}
