using System.Collections.Immutable;
using ProxyFramework.Core.Objects;
using ProxyFramework.Core.Sources;

namespace ProxyFramework.Core.View;

/// <summary>
/// Decides whether a Service is to be proxied, and leaves out of it what makes no sense, with a message for each. What comes out
/// needs no further check.
/// </summary>
internal static class ServiceValidation
{
    private const int MaxAffinityTimeoutSeconds = 86400;

    /// <summary>Whether a Service concerns this proxy at all.</summary>
    public static bool IsProxied(Service service, string? proxyName) =>
        service.Type != ServiceType.ExternalName && !service.ClusterIPs.IsEmpty && service.ProxyName == proxyName;

    /// <summary>The Service without what is refused; the same object where nothing is.</summary>
    public static Service Validate(Service service, List<ObjectProblem> problems)
    {
        var refusals = new Refusals(service, problems);
        var clusterIPs = refusals.Addresses(service.ClusterIPs, "spec.clusterIPs", AddressRefusal.Of);
        string? WrongFamily(InetAddress address) => AddressRefusal.Of(address)
            ?? (HasFamily(clusterIPs, address.Family) ? null : $"{address} is {address.Family}, and the Service has no {address.Family} cluster IP");

        var externalIPs = refusals.Addresses(service.ExternalIPs, "spec.externalIPs", WrongFamily);
        var loadBalancerIPs = refusals.Addresses(service.LoadBalancerIPs, "status.loadBalancer.ingress", WrongFamily);
        var sourceRanges = refusals.SourceRanges(clusterIPs, loadBalancerIPs);
        var ports = refusals.Ports();
        var affinity = service.AffinityTimeoutSeconds;
        if (affinity is < 0 or > MaxAffinityTimeoutSeconds)
        {
            affinity = Math.Clamp(affinity, 1, MaxAffinityTimeoutSeconds);
            refusals.Add("spec.sessionAffinityConfig.clientIP.timeoutSeconds",
                $"{service.AffinityTimeoutSeconds} is not in 1…{MaxAffinityTimeoutSeconds}; {affinity} is used");
        }

        return refusals.Any || sourceRanges != service.LoadBalancerSourceRanges
            ? service with
            {
                ClusterIPs = clusterIPs,
                ExternalIPs = externalIPs,
                LoadBalancerIPs = loadBalancerIPs,
                LoadBalancerSourceRanges = sourceRanges,
                Ports = ports,
                AffinityTimeoutSeconds = affinity,
            }
            : service;
    }

    /// <summary>Whether one of the addresses is of this family.</summary>
    public static bool HasFamily(ImmutableArray<InetAddress> addresses, IPFamily family)
    {
        foreach (var address in addresses)
        {
            if (address.Family == family)
            {
                return true;
            }
        }

        return false;
    }

    private sealed class Refusals(Service service, List<ObjectProblem> problems)
    {
        private readonly int _before = problems.Count;

        public bool Any => problems.Count != _before;

        public void Add(string field, string message) => problems.Add(new ObjectProblem("", $"Service {service.Name}", field, message));

        public ImmutableArray<InetAddress> Addresses(ImmutableArray<InetAddress> addresses, string field, Func<InetAddress, string?> refusal)
        {
            var count = problems.Count;
            for (var i = 0; i < addresses.Length; i++)
            {
                if (refusal(addresses[i]) is { } why)
                {
                    Add($"{field}[{i}]", why);
                }
            }

            return problems.Count == count ? addresses : [.. addresses.Where(address => refusal(address) is null)];
        }

        // See docs/decisions/003-source-ranges-of-the-other-family.md.
        public ImmutableArray<InetPrefix> SourceRanges(ImmutableArray<InetAddress> clusterIPs, ImmutableArray<InetAddress> loadBalancerIPs)
        {
            const string Field = "spec.loadBalancerSourceRanges";
            var ranges = service.LoadBalancerSourceRanges;
            if (ranges.IsEmpty)
            {
                return ranges;
            }

            for (var i = 0; i < ranges.Length; i++)
            {
                if (!HasFamily(clusterIPs, ranges[i].Family))
                {
                    Add($"{Field}[{i}]", $"{ranges[i]} is ignored: it is {ranges[i].Family}, and the Service has no {ranges[i].Family} cluster IP");
                }
            }

            foreach (var family in (ReadOnlySpan<IPFamily>)[IPFamily.IPv4, IPFamily.IPv6])
            {
                if (HasFamily(loadBalancerIPs, family) && !ranges.Any(range => range.Family == family))
                {
                    Add(Field, $"no range is {family}, so the {family} load balancer IPs are open to every source; add an {family} range to restrict them");
                }
            }

            return [.. ranges.Distinct().Order(PrefixOrder.Instance)];
        }

        public ImmutableArray<ServicePortSpec> Ports()
        {
            var ports = service.Ports;
            if (ports.Length == 1 && ports[0].Port != 0)
            {
                return ports;
            }

            var kept = new List<ServicePortSpec>(ports.Length);
            var names = new HashSet<(string, TransportProtocol)>();
            for (var i = 0; i < ports.Length; i++)
            {
                var port = ports[i];
                if (port.Port == 0)
                {
                    Add($"spec.ports[{i}].port", "0 is not in 1…65535");
                }
                else if (!names.Add((port.Name, port.Protocol)))
                {
                    Add($"spec.ports[{i}].name", $"another port before is named '{port.Name}' too; names tell ports apart, so this one is left out");
                }
                else
                {
                    kept.Add(port);
                }
            }

            return kept.Count == ports.Length ? ports : [.. kept];
        }
    }
}
