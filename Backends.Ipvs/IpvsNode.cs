using System.Diagnostics;
using ProxyFramework.Backends.Ipvs.Kernel;
using ProxyFramework.Backends.Ipvs.Layout;
using ProxyFramework.KernelBackends;
using ProxyFramework.Netlink;
using ProxyFramework.Netlink.Ipvs;
using ProxyFramework.Netlink.NfTables;

namespace ProxyFramework.Backends.Ipvs;

/// <summary>
/// This node's virtual servers, service addresses and companion tables, kept in step. Order of a change: what names our virtual
/// servers and treats their packets, then the virtual servers, then the rest of the companion table, then addresses, so that packets
/// find everything where they are let in.
/// </summary>
internal sealed class IpvsNode : IAsyncDisposable
{
    private static readonly TimeSpan DrainInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan CleanupPatience = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan DrainPause = TimeSpan.FromMilliseconds(20);
    private static readonly IPFamily[] Families = Enum.GetValues<IPFamily>();

    private readonly Lock _lock = new();
    private readonly IpvsNetlink _ipvs = IpvsNetlink.Open();
    private readonly NftNetlink _nft = NftNetlink.Open();
    private readonly ServiceAddresses _addresses;
    private readonly StaleFlows _flows = new();
    private readonly VirtualServers _servers;
    private readonly CompanionTable[] _tables;
    private readonly ServiceLayout _layout;
    private readonly Marks _marks;
    private readonly IpvsSettings _settings;
    private readonly Dictionary<ServicePortKey, ServicePlan> _plans = [];

    /// <summary>What keeps the connections of each retiring virtual server going, and lets the next run know it again.</summary>
    private readonly Dictionary<IpvsServiceKey, SetElement[]> _retiring = [];
    private readonly ITimer _drainTimer;
    private bool _isDrainDue;
    private readonly Action<Exception> _notDrained;

    /// <summary>Set where the kernel may not have what we believe, from any thread: the next change set adopts it.</summary>
    private volatile bool _isUnknown = true;

    public IpvsNode(KernelSchedulers schedulers, IpvsSettings settings, TimeProvider clock, TimeSpan drainTimeout, Action<Exception> notDrained)
    {
        _settings = settings;
        _notDrained = notDrained;
        _marks = new Marks(settings.MasqueradeMark);
        _layout = new ServiceLayout(schedulers, _marks);
        _addresses = new ServiceAddresses(settings.Device);
        _servers = new VirtualServers(_ipvs, clock, drainTimeout);

        // What there was before the first of our runs is kept in the table that goes last.
        var record = CompanionTable.Find(_nft, IPFamily.IPv4)?.Comment is { Length: > 0 } comment ? comment : NodeSettings.Read(_ipvs);
        _tables = [.. Families.Select(family => new CompanionTable(_nft, family, settings.MasqueradeMark, record))];
        foreach (var table in _tables)
        {
            table.Create();
        }

        NodeSettings.Set(_ipvs, settings);
        DeviceNotice = _addresses.TakeDevice();
        _drainTimer = clock.CreateTimer(_ => Drain(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Why service addresses are not on the device that they should be on; null where they are.</summary>
    public string? DeviceNotice { get; }

    /// <summary>The netlink port that our changes of nf_tables come from.</summary>
    public uint NftPort => _nft.PortId;

    /// <summary>The companion tables may be other than we believe.</summary>
    public void Distrust() => _isUnknown = true;

    /// <summary>Makes the changes.</summary>
    public SyncResult Apply(ServiceChangeSet changes, DriftWatch watch)
    {
        lock (_lock)
        {
            var isAdoption = _isUnknown;
            var report = new ChangeReport(change => _flows.Add(change));
            try
            {
                if (isAdoption)
                {
                    watch.Adopt(_nft, () => _tables.Sum(static table => table.Transactions), () => Put(changes, isAdoption: true, report));
                }
                else
                {
                    Put(changes, isAdoption: false, report);
                }

                foreach (var change in changes.Changes.Where(change => !report.HasFailed(change.Key)))
                {
                    report.InForce(change);
                }

                _flows.Delete(changes.Node);
            }
            catch
            {
                _isUnknown = true;
                throw;
            }

            ScheduleDrain(DrainInterval);
            return report.ToSyncResult();
        }
    }

    /// <summary>Removes everything of ours.</summary>
    public static void Cleanup(IpvsSettings settings)
    {
        using var nft = NftNetlink.Open();
        using var addresses = new ServiceAddresses(settings.Device);
        addresses.Read();
        if (IpvsNetlink.TryOpen() is { } ipvs)
        {
            using (ipvs)
            {
                var isOurs = OursBefore(nft, addresses, new Marks(settings.MasqueradeMark), settings);
                using var batch = ipvs.CreateBatch();
                var servers = ipvs.GetServices().Select(static found => found.Service.Key).Where(isOurs).ToList();
                AwaitConnections(ipvs, servers);
                servers.ForEach(batch.DeleteService);

                ipvs.Execute(batch);
                if (CompanionTable.Find(nft, IPFamily.IPv4)?.Comment is { } record)
                {
                    NodeSettings.Restore(ipvs, record);
                }
            }
        }

        addresses.Put();
        addresses.DeleteDevice();
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

    /// <summary>
    /// Tells our virtual servers by what an earlier run left beside them: their names in the companion table, our marks. Where someone
    /// removed that table, by our service addresses.
    /// </summary>
    private static Func<IpvsServiceKey, bool> OursBefore(NftNetlink nft, ServiceAddresses addresses, Marks marks, IpvsSettings settings)
    {
        var frontends = Families.ToDictionary(static family => family, family => CompanionTable.ReadFrontends(nft, family));
        return key => key.Mark != 0
            ? marks.IsOurs(key.Mark)
            : !settings.Excludes(key.Address) && (frontends[key.Family]?.Contains(FrontendOf(key)) ?? addresses.Present.Contains(key.Address));
    }

    /// <summary>
    /// Where another mode has taken over, new connections come here no more: those that are about to end are not cut. Long ones are.
    /// </summary>
    private static void AwaitConnections(IpvsNetlink ipvs, List<IpvsServiceKey> servers)
    {
        var clock = Stopwatch.StartNew();
        while (clock.Elapsed < CleanupPatience && servers.Exists(server => ipvs.GetDestinations(server).Any(static found => found.ActiveConnections > 0)))
        {
            Thread.Sleep(50);
        }
    }

    private static FrontendKey FrontendOf(IpvsServiceKey key) => new(key.Address, key.Protocol, key.Port);

    private static IEnumerable<InetAddress> AddressesOf(IEnumerable<SetElement> elements) =>
        elements.Where(static element => element.Set.Kind == SetKind.Addresses).Select(static element => element.Key.Address);

    private static IEnumerable<IpvsServiceKey> ServersOf(IEnumerable<ServicePlan> plans) =>
        plans.SelectMany(static plan => plan.Servers).Select(static server => server.Service.Key);

    private void Put(ServiceChangeSet changes, bool isAdoption, ChangeReport report)
    {
        // What others change from here on makes the tables unknown again.
        _isUnknown = false;
        if (isAdoption)
        {
            _plans.Clear();
            _retiring.Clear();
            _addresses.Forget();
        }

        if (isAdoption || changes.IsFull)
        {
            _addresses.Read();
            _servers.Read(isAdoption ? OursBefore(_nft, _addresses, _marks, _settings) : static _ => false);
        }

        var round = new Round(changes, isAdoption || changes.IsFull, _plans, _layout, _marks, report);
        round.GiveUp(_servers.FindForeign(round.Wanted.Select(static server => server.Service.Key)).ConvertAll(RefusedServer.Foreign));

        var kept = round.Wanted.Select(static server => server.Service.Key).ToHashSet();
        var gone = (round.IsAll ? _servers.Keys : ServersOf(round.Before.Values)).Where(key => !kept.Contains(key)).ToList();
        var revived = kept.Where(_retiring.ContainsKey).ToList();
        var retiring = gone.Where(key => key.Mark == 0 && !_retiring.ContainsKey(key)).ToDictionary(static key => key, RetiringElements);
        var after = round.After.Values.SelectMany(static plan => plan.Elements).ToList();
        if (isAdoption)
        {
            // At first as if all of them had connections.
            _flows.AddFormer(retiring.Keys.Select(FrontendOf));
            PutTables(table => table.Adopt(Of(table, after.Concat(retiring.Values.SelectMany(static elements => elements))), changes.Node.LocalPods));
        }
        else
        {
            PutTables(table => table.Change([], Of(table, after.Where(static element => element.GoesFirst))));
        }

        // New ones first, so that what moves from one to another has where to go.
        round.GiveUp(PutServers(round.Wanted, gone));
        var retired = retiring.Where(server => _servers.Retiring.Contains(server.Key)).ToList();
        var former = isAdoption
            ? retiring.Where(server => !_servers.Retiring.Contains(server.Key)).SelectMany(static server => server.Value).ToList()
            : [.. round.Before.Values.SelectMany(static plan => plan.Elements), .. revived.SelectMany(key => _retiring[key])];
        former.AddRange(after.Except(round.After.Values.SelectMany(static plan => plan.Elements)));
        List<SetElement> rest = isAdoption ? [] : [.. after.Where(static element => !element.GoesFirst), .. retired.SelectMany(static server => server.Value)];
        PutTables(table => table.Change(Of(table, former), Of(table, rest)));
        if (!isAdoption && changes.Node.LocalPods != changes.PreviousNode.LocalPods)
        {
            PutTables(table => table.WriteRules(changes.Node.LocalPods));
        }

        _addresses.Take(AddressesOf(round.After.Values.SelectMany(static plan => plan.Elements).Concat(retired.SelectMany(static server => server.Value))));
        _addresses.Release(AddressesOf(round.Before.Values.SelectMany(static plan => plan.Elements).Concat(revived.SelectMany(key => _retiring[key]))));
        round.Refuse(_addresses.Put());
        round.Keep();
        revived.ForEach(key => _retiring.Remove(key));
        foreach (var (key, elements) in retired)
        {
            _retiring.Add(key, elements);
        }
    }

    private static IEnumerable<SetElement> Of(CompanionTable table, IEnumerable<SetElement> elements) =>
        elements.Where(element => element.Key.Address.Family == table.Family);

    private void PutTables(Action<CompanionTable> put)
    {
        foreach (var table in _tables)
        {
            put(table);
        }
    }

    private List<RefusedServer> PutServers(IReadOnlyCollection<VirtualServer> wanted, List<IpvsServiceKey> gone)
    {
        var refused = _servers.Create(wanted);
        foreach (var server in wanted)
        {
            _servers.Want(server);
        }

        gone.ForEach(_servers.Retire);
        refused.AddRange(_servers.Execute());
        return refused;
    }

    /// <summary>Of a virtual server that no service wants: its connections go on, new ones are refused.</summary>
    private SetElement[] RetiringElements(IpvsServiceKey key)
    {
        var retiring = new SetElement(new(SetKind.Retiring), FrontendOf(key));
        return _addresses.Present.Contains(key.Address) ? [retiring, new(new(SetKind.Addresses), new(key.Address, default, 0))] : [retiring];
    }

    private void ScheduleDrain(TimeSpan after)
    {
        // Where changes come all the time, they must not put it off.
        if (!_servers.IsDraining)
        {
            (_isDrainDue, after) = (false, Timeout.InfiniteTimeSpan);
        }
        else if (_isDrainDue)
        {
            return;
        }
        else
        {
            _isDrainDue = true;
        }

        _drainTimer.Change(after, Timeout.InfiniteTimeSpan);
    }

    private void Drain()
    {
        lock (_lock)
        {
            _isDrainDue = false;
            var isRound = true;
            try
            {
                (var ended, isRound) = _servers.Drain();
                var elements = new List<SetElement>();
                foreach (var server in ended)
                {
                    if (_retiring.Remove(server, out var its))
                    {
                        elements.AddRange(its);
                    }
                }

                PutTables(table => table.Change(Of(table, elements), []));
                _addresses.Release(AddressesOf(elements));
                _addresses.Put();
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

            ScheduleDrain(isRound ? DrainInterval : DrainPause);
        }
    }
}
