using ProxyFramework.Backends.Ipvs.Kernel;
using ProxyFramework.Backends.Ipvs.Layout;
using ProxyFramework.KernelBackends;
using ProxyFramework.Netlink.Ipvs;

namespace ProxyFramework.Backends.Ipvs;

/// <summary>One change set on its way: what its service ports had in the kernel, and what they are to have.</summary>
internal sealed class Round
{
    private readonly Dictionary<ServicePortKey, ServicePlan> _plans;
    private readonly ChangeReport _report;
    private readonly Dictionary<ServicePortKey, ServicePlan> _after = [];
    private readonly Dictionary<ServicePortKey, ServicePlan> _before = [];
    private Dictionary<IpvsServiceKey, ServicePortKey>? _owners;

    /// <summary>Plans what changes.</summary>
    /// <param name="changes">What is asked for.</param>
    /// <param name="isAll">Whether everything is looked at, not only what changes.</param>
    /// <param name="plans">What is in force.</param>
    /// <param name="layout">Translates service ports.</param>
    /// <param name="marks">Given back by those that go.</param>
    /// <param name="report">Takes what cannot be.</param>
    public Round(
        ServiceChangeSet changes, bool isAll, Dictionary<ServicePortKey, ServicePlan> plans, ServiceLayout layout, Marks marks, ChangeReport report)
    {
        _plans = plans;
        _report = report;

        // All node ports may be reached at other addresses then.
        IsAll = isAll || !changes.Node.Equals(changes.PreviousNode);
        var keys = IsAll ? changes.State.Keys.Concat(plans.Keys).Distinct() : changes.Changes.Select(static change => change.Key);
        foreach (var key in keys.ToList())
        {
            if (!changes.State.TryGetValue(key, out var service))
            {
                marks.Release(key);
            }
            else if (TryPlan(layout, service, changes.Node) is { } plan)
            {
                _after.Add(key, plan);
            }
            else
            {
                continue;
            }

            if (plans.TryGetValue(key, out var former))
            {
                _before.Add(key, former);
            }
        }
    }

    /// <summary>Whether all service ports are in it.</summary>
    public bool IsAll { get; }

    /// <summary>What is in force of them.</summary>
    public IReadOnlyDictionary<ServicePortKey, ServicePlan> Before => _before;

    /// <summary>What is wanted of them.</summary>
    public IReadOnlyDictionary<ServicePortKey, ServicePlan> After => _after;

    /// <summary>The virtual servers that are wanted.</summary>
    public List<VirtualServer> Wanted => [.. _after.Values.SelectMany(static plan => plan.Servers)];

    /// <summary>Their service ports fail; those that someone else has are wanted no more.</summary>
    public void GiveUp(IReadOnlyCollection<RefusedServer> servers)
    {
        foreach (var server in servers)
        {
            _owners ??= _after.SelectMany(static plan => plan.Value.Servers.Select(server => (server.Service.Key, Owner: plan.Key)))
                .GroupBy(static server => server.Key).ToDictionary(static server => server.Key, static server => server.First().Owner);
            if (_owners.TryGetValue(server.Server, out var owner))
            {
                _report.Failed(owner, server.Reason);
                _after[owner] = server.IsForeign ? _after[owner].Without(server.Server) : _after[owner];
            }
        }
    }

    /// <summary>The service ports of addresses that were refused fail.</summary>
    public void Refuse(Dictionary<InetAddress, string> addresses)
    {
        foreach (var (key, plan) in addresses.Count == 0 ? [] : _after)
        {
            foreach (var element in plan.Elements.Where(element => element.Set.Kind == SetKind.Addresses && addresses.ContainsKey(element.Key.Address)))
            {
                _report.Failed(key, addresses[element.Key.Address]);
            }
        }
    }

    /// <summary>What was wanted is in force.</summary>
    public void Keep()
    {
        foreach (var key in _before.Keys)
        {
            _plans.Remove(key);
        }

        foreach (var (key, plan) in _after)
        {
            _plans[key] = plan;
            foreach (var notice in plan.Notices)
            {
                _report.Notice(key, notice);
            }
        }
    }

    private ServicePlan? TryPlan(ServiceLayout layout, ServicePort service, NodeState node)
    {
        try
        {
            return layout.Build(service, node);
        }
        catch (InvalidOperationException error)
        {
            _report.Failed(service.Key, error.Message);
            return null;
        }
    }
}
