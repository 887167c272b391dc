using ProxyFramework.Backends.Ipvs.Kernel;
using ProxyFramework.Backends.Ipvs.Layout;
using ProxyFramework.KernelBackends;
using ProxyFramework.Netlink;
using ProxyFramework.Netlink.Ipvs;
using ProxyFramework.Netlink.NfTables;

namespace ProxyFramework.Backends.Ipvs;

/// <summary>
/// This node's virtual servers, service addresses and companion tables, kept in step. Order of a change: virtual servers, then the
/// companion table, then addresses, so that packets find everything where they are let in; what goes, goes the other way round.
/// </summary>
internal sealed class IpvsNode : IAsyncDisposable
{
    private static readonly TimeSpan DrainInterval = TimeSpan.FromSeconds(1);
    private static readonly IPFamily[] Families = Enum.GetValues<IPFamily>();

    private readonly Lock _lock = new();
    private readonly IpvsNetlink _ipvs = IpvsNetlink.Open();
    private readonly NftNetlink _nft = NftNetlink.Open();
    private readonly ServiceAddresses _addresses = new();
    private readonly StaleFlows _flows = new();
    private readonly VirtualServers _servers;
    private readonly CompanionTable[] _tables;
    private readonly ServiceLayout _layout;
    private readonly Marks _marks;
    private readonly Dictionary<ServicePortKey, ServicePlan> _plans = [];

    /// <summary>How many plans and retiring virtual servers need each address.</summary>
    private readonly Dictionary<InetAddress, int> _addressUses = [];
    private readonly ITimer _drainTimer;
    private readonly Action<Exception> _notDrained;
    private bool _isUnknown = true;

    public IpvsNode(KernelSchedulers schedulers, uint masqueradeBit, TimeProvider clock, TimeSpan drainTimeout, Action<Exception> notDrained)
    {
        _notDrained = notDrained;
        _marks = new Marks(masqueradeBit);
        _layout = new ServiceLayout(schedulers, _marks);
        _servers = new VirtualServers(_ipvs, clock, drainTimeout);

        // What there was before the first of our runs is kept in the table that goes last.
        var record = CompanionTable.Find(_nft, IPFamily.IPv4)?.Comment is { Length: > 0 } comment ? comment : Sysctls.Read();
        _tables = [.. Families.Select(family => new CompanionTable(_nft, family, masqueradeBit, record))];
        foreach (var table in _tables)
        {
            table.Create();
        }

        Sysctls.Set();
        _drainTimer = clock.CreateTimer(_ => Drain(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Makes the changes.</summary>
    public SyncResult Apply(ServiceChangeSet changes)
    {
        lock (_lock)
        {
            try
            {
                var result = changes.IsFull || _isUnknown ? ApplyAll(changes) : ApplyChanges(changes);
                _isUnknown = false;
                return result;
            }
            catch
            {
                _isUnknown = true;
                throw;
            }
        }
    }

    /// <summary>Removes everything of ours.</summary>
    public static void Cleanup(uint masqueradeBit)
    {
        using var nft = NftNetlink.Open();
        using var addresses = new ServiceAddresses();
        addresses.Read();
        if (IpvsNetlink.TryOpen() is { } ipvs)
        {
            using (ipvs)
            {
                var isOurs = OursBefore(nft, addresses, new Marks(masqueradeBit));
                using var batch = ipvs.CreateBatch();
                foreach (var server in ipvs.GetServices().Select(static found => found.Service.Key).Where(isOurs))
                {
                    batch.DeleteService(server);
                }

                ipvs.Execute(batch);
                if (CompanionTable.Find(nft, IPFamily.IPv4)?.Comment is { } record)
                {
                    Sysctls.Restore(record);
                }
            }
        }

        addresses.Remove([.. addresses.Present]);
        foreach (var family in Families)
        {
            CompanionTable.Delete(nft, family);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _drainTimer.DisposeAsync().ConfigureAwait(false);
        lock (_lock)
        {
            foreach (var table in _tables)
            {
                table.Dispose();
            }

            _servers.Dispose();
            _flows.Dispose();
            _addresses.Dispose();
            _nft.Dispose();
            _ipvs.Dispose();
        }
    }

    /// <summary>Tells our virtual servers by what an earlier run left beside them.</summary>
    private static Func<IpvsServiceKey, bool> OursBefore(NftNetlink nft, ServiceAddresses addresses, Marks marks)
    {
        var frontends = Families.SelectMany(family => CompanionTable.ReadFrontends(nft, family)).ToHashSet();
        return key => key.Mark != 0
            ? marks.IsOurs(key.Mark)
            : addresses.Present.Contains(key.Address) || frontends.Contains(FrontendOf(key));
    }

    private static FrontendKey FrontendOf(IpvsServiceKey key) => new(key.Address, key.Protocol, key.Port);

    /// <summary>Reads what there is, and makes it what is wanted.</summary>
    private SyncResult ApplyAll(ServiceChangeSet changes)
    {
        var failures = new Dictionary<ServicePortKey, string>();
        var former = _plans.Keys.Where(key => !changes.State.ContainsKey(key)).ToList();
        former.ForEach(_marks.Release);
        var known = _plans.Values.SelectMany(static plan => plan.Servers).Select(static server => server.Service.Key).ToHashSet();
        _plans.Clear();
        foreach (var service in changes.State.Values)
        {
            if (TryPlan(service, changes.Node, failures) is { } plan)
            {
                _plans.Add(service.Key, plan);
            }
        }

        _addresses.Read();
        var before = OursBefore(_nft, _addresses, _marks);
        _servers.Read(key => before(key) || known.Contains(key));
        var wanted = _plans.Values.SelectMany(static plan => plan.Servers).ToList();
        var kept = wanted.Select(static server => server.Service.Key).ToHashSet();
        var gone = _servers.Keys.Where(key => !kept.Contains(key)).ToList();
        PutServers(gone, wanted, OwnersOf(_plans), failures);

        _flows.AddFormer(gone.Where(static key => key.Mark == 0).Select(FrontendOf));
        foreach (var change in changes.Changes)
        {
            _flows.Add(change);
        }

        _addressUses.Clear();
        foreach (var plan in _plans.Values)
        {
            TakeAddresses(AddressesOf(plan));
        }

        var retiring = _servers.Retiring.Where(static key => key.Mark == 0).ToList();
        TakeAddresses(retiring.Select(static key => key.Address).Where(_addresses.Present.Contains));
        var elements = _plans.Values.SelectMany(static plan => plan.Elements).Concat(retiring.SelectMany(RetiringElements)).ToList();
        foreach (var table in _tables)
        {
            table.Replace(elements.Where(element => element.Key.Address.Family == table.Family), changes.Node.LocalPods);
        }

        Fail(_addresses.Add(_addressUses.Keys), _plans, failures);
        _addresses.Remove([.. _addresses.Present.Where(address => !_addressUses.ContainsKey(address))]);
        _flows.Delete(changes.Node);
        ScheduleDrain();
        return Result(failures, _plans.Keys);
    }

    private SyncResult ApplyChanges(ServiceChangeSet changes)
    {
        var failures = new Dictionary<ServicePortKey, string>();
        var isOtherNode = !changes.Node.Equals(changes.PreviousNode);
        var keys = isOtherNode ? changes.State.Keys.Concat(changes.Changes.Select(static change => change.Key)).ToHashSet() : [.. changes.Changes.Select(static change => change.Key)];
        var before = new Dictionary<ServicePortKey, ServicePlan>();
        var after = new Dictionary<ServicePortKey, ServicePlan>();
        foreach (var key in keys)
        {
            if (!changes.State.TryGetValue(key, out var service))
            {
                _marks.Release(key);
            }
            else if (TryPlan(service, changes.Node, failures) is { } plan)
            {
                after.Add(key, plan);
            }
            else
            {
                continue;
            }

            before.Add(key, _plans.GetValueOrDefault(key, ServicePlan.None));
        }

        var wanted = after.Values.SelectMany(static plan => plan.Servers).ToList();
        var kept = wanted.Select(static server => server.Service.Key).ToHashSet();
        var gone = before.Values.SelectMany(static plan => plan.Servers).Select(static server => server.Service.Key).Where(key => !kept.Contains(key)).ToList();
        var retiredBefore = _servers.Retiring.Where(static key => key.Mark == 0).ToHashSet();
        PutServers(gone, wanted, OwnersOf(after), failures);
        var retired = _servers.Retiring.Where(static key => key.Mark == 0).ToHashSet();

        var formerElements = before.Values.SelectMany(static plan => plan.Elements).Concat(retiredBefore.Except(retired).SelectMany(RetiringElements)).ToList();
        var elements = after.Values.SelectMany(static plan => plan.Elements).Concat(retired.Except(retiredBefore).SelectMany(RetiringElements)).ToList();
        foreach (var table in _tables)
        {
            table.Change(
                formerElements.Where(element => element.Key.Address.Family == table.Family), elements.Where(element => element.Key.Address.Family == table.Family));
        }

        foreach (var (key, _) in before)
        {
            _plans.Remove(key);
        }

        foreach (var (key, plan) in after)
        {
            _plans.Add(key, plan);
        }

        if (isOtherNode && changes.Node.LocalPods != changes.PreviousNode.LocalPods)
        {
            var all = _plans.Values.SelectMany(static plan => plan.Elements).Concat(retired.SelectMany(RetiringElements)).ToList();
            foreach (var table in _tables)
            {
                table.Replace(all.Where(element => element.Key.Address.Family == table.Family), changes.Node.LocalPods);
            }
        }

        TakeAddresses(after.Values.SelectMany(AddressesOf).Concat(retired.Except(retiredBefore).SelectMany(RetiringAddresses)));
        var former = ReleaseAddresses(before.Values.SelectMany(AddressesOf).Concat(retiredBefore.Except(retired).SelectMany(RetiringAddresses)));
        Fail(_addresses.Add(after.Values.SelectMany(AddressesOf)), after, failures);
        _addresses.Remove(former);
        foreach (var change in changes.Changes.Where(change => !failures.ContainsKey(change.Key)))
        {
            _flows.Add(change);
        }

        _flows.Delete(changes.Node);
        ScheduleDrain();
        return Result(failures, after.Keys);
    }

    private ServicePlan? TryPlan(ServicePort service, NodeState node, Dictionary<ServicePortKey, string> failures)
    {
        try
        {
            return _layout.Build(service, node);
        }
        catch (InvalidOperationException error)
        {
            failures[service.Key] = error.Message;
            return null;
        }
    }

    private void PutServers(
        IEnumerable<IpvsServiceKey> gone, List<VirtualServer> wanted, Dictionary<IpvsServiceKey, ServicePortKey> owners, Dictionary<ServicePortKey, string> failures)
    {
        // New ones first, so that what moves from one to another has where to go.
        var refused = _servers.Create(wanted);
        wanted.ForEach(_servers.Want);
        foreach (var key in gone)
        {
            _servers.Retire(key);
        }

        refused.AddRange(_servers.Execute());
        foreach (var server in refused)
        {
            if (owners.TryGetValue(server.Server, out var owner))
            {
                failures.TryAdd(owner, server.Reason);
            }
        }
    }

    private static Dictionary<IpvsServiceKey, ServicePortKey> OwnersOf(Dictionary<ServicePortKey, ServicePlan> plans)
    {
        var owners = new Dictionary<IpvsServiceKey, ServicePortKey>();
        foreach (var (key, plan) in plans)
        {
            foreach (var server in plan.Servers)
            {
                owners[server.Service.Key] = key;
            }
        }

        return owners;
    }

    private static IEnumerable<InetAddress> AddressesOf(ServicePlan plan) =>
        plan.Elements.Where(static element => element.Set.Kind == SetKind.Addresses).Select(static element => element.Key.Address);

    /// <summary>The address of a retiring virtual server, where it is there because of services.</summary>
    private IEnumerable<InetAddress> RetiringAddresses(IpvsServiceKey key) => _addresses.Present.Contains(key.Address) ? [key.Address] : [];

    /// <summary>Its connections go on, new ones are refused, and the next run knows it again.</summary>
    private IEnumerable<SetElement> RetiringElements(IpvsServiceKey key)
    {
        yield return new(new(SetKind.Retiring), FrontendOf(key));
        foreach (var address in RetiringAddresses(key))
        {
            yield return new(new(SetKind.Addresses), new(address, default, 0));
        }
    }

    private void TakeAddresses(IEnumerable<InetAddress> addresses)
    {
        foreach (var address in addresses)
        {
            _addressUses[address] = _addressUses.GetValueOrDefault(address) + 1;
        }
    }

    /// <returns>Those that nothing needs any more.</returns>
    private List<InetAddress> ReleaseAddresses(IEnumerable<InetAddress> addresses)
    {
        var former = new List<InetAddress>();
        foreach (var address in addresses.ToList())
        {
            if (_addressUses[address] == 1)
            {
                _addressUses.Remove(address);
                former.Add(address);
            }
            else
            {
                _addressUses[address]--;
            }
        }

        return former;
    }

    private static void Fail(Dictionary<InetAddress, string> refused, Dictionary<ServicePortKey, ServicePlan> plans, Dictionary<ServicePortKey, string> failures)
    {
        foreach (var (key, plan) in refused.Count == 0 ? [] : plans)
        {
            foreach (var address in AddressesOf(plan).Where(refused.ContainsKey))
            {
                failures.TryAdd(key, refused[address]);
            }
        }
    }

    private SyncResult Result(Dictionary<ServicePortKey, string> failures, IEnumerable<ServicePortKey> keys) => new()
    {
        Failures = [.. failures.Select(static failure => new ServicePortFailure(failure.Key, failure.Value))],
        Notices = [.. keys.SelectMany(key => _plans[key].Notices.Select(notice => new ServicePortNotice(key, notice)))],
    };

    private void ScheduleDrain() => _drainTimer.Change(_servers.IsDraining ? DrainInterval : Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

    private void Drain()
    {
        lock (_lock)
        {
            try
            {
                var ended = _servers.Drain().Ended.Where(static key => key.Mark == 0).ToList();
                var elements = ended.SelectMany(RetiringElements).ToList();
                foreach (var table in _tables)
                {
                    table.Change(elements.Where(element => element.Key.Address.Family == table.Family), []);
                }

                _addresses.Remove(ReleaseAddresses(ended.SelectMany(RetiringAddresses)));
            }
            catch (ObjectDisposedException)
            {
                return;
            }
            catch (Exception error) when (error is NetlinkException or InvalidOperationException)
            {
                _isUnknown = true;
                _notDrained(error);
            }

            ScheduleDrain();
        }
    }
}
