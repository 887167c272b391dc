using System.Collections.Immutable;

namespace ProxyFramework.Plugins.Schedulers;

/// <summary>
/// How many slots of a table each endpoint gets: its weight, all weights divided by their greatest common divisor where that
/// fits; else an apportionment by the largest remainder method (Hamilton's) in which nobody goes without.
/// </summary>
internal static class WeightedSlots
{
    /// <summary>The number of slots of each endpoint, at least 1; <paramref name="maxSlots"/> in all at most.</summary>
    public static int[] Apportion(ImmutableArray<Endpoint> endpoints, int maxSlots)
    {
        CheckArguments(endpoints, maxSlots);
        var divisor = 0;
        var total = 0L;
        foreach (var endpoint in endpoints)
        {
            divisor = GreatestCommonDivisor(divisor, Math.Max(endpoint.Weight, (ushort)1));
            total += Math.Max(endpoint.Weight, (ushort)1);
        }

        return total / divisor <= maxSlots
            ? [.. endpoints.Select(endpoint => Math.Max(endpoint.Weight, (ushort)1) / divisor)]
            : LargestRemainders(endpoints, maxSlots);
    }

    /// <summary>The slots themselves, those of an endpoint side by side.</summary>
    public static ImmutableArray<ushort> SideBySide(ImmutableArray<Endpoint> endpoints, int maxSlots) =>
        [.. Apportion(endpoints, maxSlots).SelectMany((share, index) => Enumerable.Repeat((ushort)index, share))];

    /// <summary>How many slots a picker that has its own table uses at most.</summary>
    public static int PickerSlots(ImmutableArray<Endpoint> endpoints) => Math.Max(4096, endpoints.Length);

    /// <summary>Refuses what cannot be a table: no endpoint, fewer slots than endpoints, more endpoints than an index can name.</summary>
    public static void CheckArguments(ImmutableArray<Endpoint> endpoints, int maxSlots)
    {
        if (endpoints.IsDefaultOrEmpty || endpoints.Length > ushort.MaxValue + 1)
        {
            throw new ArgumentException("a table has 1…65536 endpoints", nameof(endpoints));
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(maxSlots, endpoints.Length);
    }

    private static int[] LargestRemainders(ImmutableArray<Endpoint> endpoints, int maxSlots)
    {
        var shares = new int[endpoints.Length];
        var open = Enumerable.Range(0, endpoints.Length).ToList();
        var slots = (long)maxSlots;
        var total = open.Sum(index => (long)Math.Max(endpoints[index].Weight, (ushort)1));

        // Whoever is due less than one slot gets one; that lowers what the others are due, so look again until nobody is.
        while (true)
        {
            var small = open.Where(index => endpoints[index].Weight * slots < total).ToList();
            if (small.Count == 0)
            {
                break;
            }

            foreach (var index in small)
            {
                shares[index] = 1;
                slots--;
                total -= Math.Max(endpoints[index].Weight, (ushort)1);
            }

            open.RemoveAll(index => shares[index] == 1);
        }

        var left = slots;
        foreach (var index in open)
        {
            shares[index] = (int)(endpoints[index].Weight * slots / total);
            left -= shares[index];
        }

        foreach (var index in open.OrderByDescending(index => endpoints[index].Weight * slots % total).ThenBy(index => index).Take((int)left))
        {
            shares[index]++;
        }

        return shares;
    }

    /// <summary>Euclid's algorithm.</summary>
    public static int GreatestCommonDivisor(int left, int right)
    {
        while (right != 0)
        {
            (left, right) = (right, left % right);
        }

        return left;
    }
}
