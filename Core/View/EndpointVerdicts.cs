using System.Collections.Frozen;

namespace ProxyFramework.Core.View;

/// <summary>What health checks say of the endpoints of one service port. Immutable.</summary>
/// <param name="shares">How much of its weight an endpoint is to have, in percent; those with all of it need not be named.</param>
/// <param name="panicPercent">Where fewer than so many percent are healthy, 0…100, the verdicts do not count: rather the sick than too few.</param>
public sealed class EndpointVerdicts(IEnumerable<KeyValuePair<(InetAddress Address, ushort Port), int>> shares, int panicPercent)
{
    /// <summary>All of the weight.</summary>
    public const int Full = 100;

    private readonly FrozenDictionary<(InetAddress, ushort), int> _shares = shares.ToFrozenDictionary();

    /// <summary>Whether too few are healthy.</summary>
    public bool IsPanic(int healthy, int all) => healthy * 100L < (long)panicPercent * all;

    /// <summary>The share of its weight that an endpoint is to have, 0…<see cref="Full"/>.</summary>
    public int ShareOf(InetAddress address, ushort port) => _shares.GetValueOrDefault((address, port), Full);
}
