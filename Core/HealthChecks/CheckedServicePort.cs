using ProxyFramework.Core.View;

namespace ProxyFramework.Core.HealthChecks;

/// <summary>The endpoints of one service port under one check. Not thread-safe: the prober's lock guards it.</summary>
internal sealed class CheckedServicePort(ServicePortKey key, string choice, IHealthProbe probe, HealthCheckSettings settings)
{
    public ServicePortKey Key { get; } = key;

    /// <summary>What made it.</summary>
    public string Choice { get; } = choice;

    public IHealthProbe Probe { get; } = probe;

    public HealthCheckSettings Settings { get; } = settings;

    public Dictionary<(InetAddress Address, ushort Port), CheckedEndpoint> Endpoints { get; } = [];

    /// <summary>What the node view is to be told; remembers that it was.</summary>
    public EndpointVerdicts TakeVerdicts(long now, TimeProvider time)
    {
        foreach (var endpoint in Endpoints.Values)
        {
            endpoint.PublishedShare = endpoint.ShareAt(now, time);
        }

        return new EndpointVerdicts(
            Endpoints.Where(endpoint => endpoint.Value.PublishedShare != EndpointVerdicts.Full)
                .Select(endpoint => KeyValuePair.Create(endpoint.Key, endpoint.Value.PublishedShare)),
            Settings.PanicPercent);
    }
}
