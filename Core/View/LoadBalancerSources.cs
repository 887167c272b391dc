using System.Collections.Immutable;

namespace ProxyFramework.Core.View;

/// <summary>Which sources reach a load balancer IP (<c>loadBalancerSourceRanges</c>).</summary>
internal static class LoadBalancerSources
{
    /// <summary>The sources of one load balancer IP; the default array where all are let in.</summary>
    /// <param name="ranges">The Service's ranges of both families, ordered, without duplicates.</param>
    /// <param name="loadBalancerIP">The load balancer IP.</param>
    /// <param name="interfaceAddresses">This machine's own addresses.</param>
    public static ImmutableArray<InetPrefix> Of(
        ImmutableArray<InetPrefix> ranges, InetAddress loadBalancerIP, ImmutableArray<InetAddress> interfaceAddresses)
    {
        var sources = ImmutableArray.CreateBuilder<InetPrefix>();
        bool holdsThisNode = false, holdsItself = false;
        foreach (var range in ranges)
        {
            if (range.Family == loadBalancerIP.Family)
            {
                sources.Add(range);
                holdsItself |= range.Contains(loadBalancerIP);
                holdsThisNode = holdsThisNode || ContainsAny(range, interfaceAddresses);
            }
        }

        if (sources.Count == 0)
        {
            return default;
        }

        // A node that has the load balancer IP on an interface reaches it with that very address as its source.
        if (holdsThisNode && !holdsItself)
        {
            sources.Add(InetPrefix.Single(loadBalancerIP));
            sources.Sort(PrefixOrder.Instance);
        }

        return sources.DrainToImmutable();
    }

    private static bool ContainsAny(InetPrefix range, ImmutableArray<InetAddress> addresses)
    {
        foreach (var address in addresses)
        {
            if (range.Contains(address))
            {
                return true;
            }
        }

        return false;
    }
}
