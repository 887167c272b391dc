namespace ProxyFramework.Core.View;

/// <summary>What is checked of each service port, and what the checks have said. Not thread-safe.</summary>
internal sealed class CheckedServicePorts
{
    private readonly Dictionary<ServicePortKey, CheckedEndpoints> _endpoints = [];
    private readonly Dictionary<ServicePortKey, EndpointVerdicts> _verdicts = [];

    /// <summary>What is to be checked of the service ports of the Service that is being computed.</summary>
    public List<(ServicePortKey Key, CheckedEndpoints Endpoints)> Wanted { get; } = [];

    /// <summary>What changed since it was last cleared.</summary>
    public List<CheckedEndpointsChange> Changes { get; } = [];

    /// <summary>What the checks say; null for nothing.</summary>
    public EndpointVerdicts? VerdictsOf(ServicePortKey key) => _verdicts.GetValueOrDefault(key);

    /// <summary>Takes verdicts.</summary>
    /// <returns>False where the service port is not checked any more.</returns>
    public bool TryJudge(ServicePortKey key, EndpointVerdicts verdicts)
    {
        if (!_endpoints.ContainsKey(key))
        {
            return false;
        }

        _verdicts[key] = verdicts;
        return true;
    }

    /// <summary>Makes <see cref="Wanted"/> what is checked of a Service, and forgets what it no longer has.</summary>
    public void Publish(ServiceEntry entry)
    {
        foreach (var key in entry.Checked)
        {
            if (!Wanted.Exists(wanted => wanted.Key == key))
            {
                _endpoints.Remove(key);
                _verdicts.Remove(key);
                Changes.Add(new CheckedEndpointsChange(key, null));
            }
        }

        foreach (var (key, endpoints) in Wanted)
        {
            if (!endpoints.Equals(_endpoints.GetValueOrDefault(key)))
            {
                _endpoints[key] = endpoints;
                Changes.Add(new CheckedEndpointsChange(key, endpoints));
            }
        }

        if (Wanted.Count + entry.Checked.Length > 0)
        {
            entry.Checked = [.. Wanted.Select(wanted => wanted.Key)];
            Wanted.Clear();
        }
    }
}
