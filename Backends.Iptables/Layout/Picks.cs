using System.Collections.Immutable;
using System.Globalization;

namespace ProxyFramework.Backends.Iptables.Layout;

/// <summary>
/// How the slots of a group are written as matches, each tried where those before it did not match: by chance and by turns with
/// xt_statistic, by the client's address with xt_cluster, whose hash is of that address alone (net/netfilter/xt_cluster.c).
/// </summary>
internal static class Picks
{
    /// <summary>The most slots that go by turns or by a hash, a rule each.</summary>
    public const int MaxTurns = 64;

    /// <summary>XT_CLUSTER_NODES_MAX: what one match can tell apart.</summary>
    private const int MaxNodes = 32;

    /// <summary>Two hashes that have nothing to do with each other; the same on all nodes.</summary>
    private const uint FirstSeed = 0x9e3779b9, SecondSeed = 0x85ebca6b;

    /// <summary>The matches, with a space after each where it is not empty, and the index of the endpoint that it picks.</summary>
    /// <param name="table">The slots.</param>
    /// <param name="canHash">Whether the kernel has xt_cluster.</param>
    public static ImmutableArray<(string Match, int Endpoint)> Of(SlotTable table, Func<bool> canHash) => table.Selector switch
    {
        SlotSelector.RoundRobin when table.Slots.Length <= MaxTurns => ByTurns(table.Slots),
        SlotSelector.SourceHash when table.Slots.Length <= MaxTurns && canHash() => ByHash(table.Slots),
        _ => ByChance(table.Slots),
    };

    /// <summary>What the operator should know of a choice that is another than asked for; null where it is not.</summary>
    public static string? Notice(SlotTable table, Func<bool> canHash) => table.Selector switch
    {
        _ when table.Slots.Distinct().Count() <= 1 => null,
        SlotSelector.ConnectionHash => "the scheduler chooses by a hash of the whole connection, which iptables cannot; the choice is random, with its weights",
        SlotSelector.SourceHash when table.Slots.Length > MaxTurns => $"the scheduler chooses among {table.Slots.Length} slots by a hash, of which iptables can tell {MaxTurns} apart; the choice is random, with its weights",
        SlotSelector.SourceHash when !canHash() => "the scheduler chooses by a hash, for which the kernel lacks the match xt_cluster; the choice is random, with its weights",
        SlotSelector.RoundRobin when table.Slots.Length > MaxTurns => $"the weights make {table.Slots.Length} turns, of which iptables mode writes {MaxTurns} at most; the choice is random, with the weights",
        _ => null,
    };

    private static ImmutableArray<(string, int)> ByTurns(ImmutableArray<ushort> slots) =>
        [.. slots.Select((endpoint, turn) => (turn == slots.Length - 1 ? "" : string.Create(CultureInfo.InvariantCulture, $"-m statistic --mode nth --every {slots.Length - turn} --packet 0 "), (int)endpoint))];

    private static ImmutableArray<(string, int)> ByChance(ImmutableArray<ushort> slots)
    {
        var picks = ImmutableArray.CreateBuilder<(string, int)>();
        var left = slots.Length;
        foreach (var (endpoint, weight) in slots.CountBy(static endpoint => endpoint).OrderBy(static share => share.Key))
        {
            picks.Add((weight == left ? "" : $"-m statistic --mode random --probability {Probability((double)weight / left)} ", endpoint));
            left -= weight;
        }

        return picks.ToImmutable();
    }

    /// <summary>
    /// Each slot takes its share of the clients that those before it did not, by a hash of its own: iptables takes masks of
    /// more than five nodes for out of range. More slots than a match can tell apart are in rows of them.
    /// </summary>
    private static ImmutableArray<(string, int)> ByHash(ImmutableArray<ushort> slots)
    {
        var picks = ImmutableArray.CreateBuilder<(string, int)>();
        var rows = (slots.Length + MaxNodes - 1) / MaxNodes;
        for (var row = 0; row < rows; row++)
        {
            var match = Cluster(rows - row, FirstSeed + (uint)row);
            var (from, to) = (row * slots.Length / rows, (row + 1) * slots.Length / rows);
            for (var i = from; i < to; i++)
            {
                picks.Add((match + Cluster(to - i, SecondSeed + (uint)i), slots[i]));
            }
        }

        return picks.ToImmutable();
    }

    /// <summary>Matches one of so many clients.</summary>
    private static string Cluster(int nodes, uint seed) => nodes == 1 ? "" : string.Create(
        CultureInfo.InvariantCulture,
        $"-m cluster --cluster-local-nodemask 0x00000001 --cluster-total-nodes {nodes} --cluster-hash-seed 0x{seed:x8} ");

    /// <summary>The probability as the kernel keeps it, in units of 2⁻³¹, and as iptables-save prints it.</summary>
    private static string Probability(double share) => (Math.Round(share * 0x8000_0000) / 0x8000_0000).ToString("F11", CultureInfo.InvariantCulture);
}
