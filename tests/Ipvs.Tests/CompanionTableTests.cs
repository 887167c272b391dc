using System.Collections.Immutable;
using CsCheck;
using ProxyFramework.Backends.Ipvs.Kernel;
using ProxyFramework.Backends.Ipvs.Layout;
using ProxyFramework.KernelBackends;
using ProxyFramework.Netlink.NfTables;
using ProxyFramework.Testing;
using Xunit;
using static ProxyFramework.Ipvs.Tests.Services;

namespace ProxyFramework.Ipvs.Tests;

/// <summary>The companion table in a real kernel; it needs no IPVS there.</summary>
public sealed class CompanionTableTests : IDisposable
{
    private const uint MasqueradeBit = 1 << 14;

    private static readonly LocalPodDetection Pods = new() { Mode = LocalPodDetectionMode.ClusterCidr, Ranges = [InetPrefix.Parse("10.244.0.0/16")] };

    private static readonly Gen<ServicePort?> AnyService =
        from name in Gen.Int[0, 3]
        from shape in Gen.Int[0, 4]
        from endpoints in Gen.Int[1, 4].HashSet[0, 3]
        from local in Gen.Int[1, 4].HashSet[0, 2]
        select shape == 0 ? null : Build(name, shape, endpoints, local);

    private readonly NetworkNamespace _namespace = NetworkNamespace.Create();

    public void Dispose() => _namespace.Dispose();

    [Fact]
    public void Any_series_of_changes_leaves_the_table_that_the_last_state_alone_would_make() => AnyService.Array[1, 8].Sample(
        states => _namespace.Run(() =>
        {
            using var nft = NftNetlink.Open();
            using var table = new CompanionTable(nft, IPFamily.IPv4, MasqueradeBit, "test");
            var layout = Layout();
            var plans = new Dictionary<string, ServicePlan>();
            table.Adopt([], Pods);
            foreach (var (state, index) in states.Select(static (state, index) => (state, index)))
            {
                var name = state?.Key.Service.Name ?? $"s{index % 4}";
                var plan = state is null ? ServicePlan.None : layout.Build(state, Node);
                table.Change(plans.GetValueOrDefault(name, ServicePlan.None).Elements, plan.Elements);
                plans[name] = plan;
            }

            var changed = Elements(nft);
            CompanionTable.Delete(nft, IPFamily.IPv4);
            table.Adopt(plans.Values.SelectMany(static plan => plan.Elements), Pods);
            Assert.Equal(Elements(nft), changed);
            CompanionTable.Delete(nft, IPFamily.IPv4);
            Assert.Null(CompanionTable.Find(nft, IPFamily.IPv4));
        }),
        iter: 30,
        threads: 1);

    [Fact]
    public void Whatever_is_there_adoption_leaves_the_table_that_is_wanted() => (from before in AnyService.Array[0, 6] from after in AnyService.Array[0, 6] from damage in Gen.Int[0, 5] select (before, after, damage)).Sample(
        states => _namespace.Run(() =>
        {
            using var nft = NftNetlink.Open();
            using var former = new CompanionTable(nft, IPFamily.IPv4, MasqueradeBit, "test");
            using var table = new CompanionTable(nft, IPFamily.IPv4, MasqueradeBit, "test");
            var (before, wanted) = (Wanted(states.before), Wanted(states.after));
            former.Adopt(before, Pods);
            _namespace.Exec("nft", states.damage switch
            {
                1 => "flush table ip svcproxy-ipvs-v1",
                2 => "add chain ip svcproxy-ipvs-v1 mine",
                3 => "add set ip svcproxy-ipvs-v1 mine { type ipv4_addr; }",
                4 => "add element ip svcproxy-ipvs-v1 services { 10.0.0.9 . tcp . 9 }",
                5 => "add element ip svcproxy-ipvs-v1 mark-from-pod { 10.96.0.1 . tcp . 80 : 7 }",
                _ => "list table ip svcproxy-ipvs-v1",
            });
            table.Adopt(wanted, Pods);
            var (adopted, listing) = (Elements(nft), Chains());
            CompanionTable.Delete(nft, IPFamily.IPv4);
            table.Adopt(wanted, Pods);
            Assert.Equal(Elements(nft), adopted);
            Assert.Equal(Chains(), listing);
            CompanionTable.Delete(nft, IPFamily.IPv4);
        }),
        iter: 40,
        threads: 1);

    [Fact]
    public void Adoption_of_what_is_wanted_already_makes_one_transaction_of_chains_only() => _namespace.Run(() =>
    {
        using var nft = NftNetlink.Open();
        using var table = new CompanionTable(nft, IPFamily.IPv4, MasqueradeBit, "test");
        using var watch = NftSubscription.Open();
        var wanted = Wanted([Build(1, 4, [1, 2], [1])]);
        table.Adopt(wanted, new());
        var transactions = table.Transactions;
        var changes = new List<NftNotification.Change>();
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        var commits = 0;
        table.Adopt(wanted, new());
        Assert.Equal(1, table.Transactions - transactions);
        foreach (var notification in watch.ReadAllAsync(limit.Token).ToBlockingEnumerable(limit.Token))
        {
            if (notification is NftNotification.Committed && ++commits == table.Transactions)
            {
                break;
            }

            if (commits == transactions && notification is NftNotification.Change change)
            {
                changes.Add(change);
            }
        }

        Assert.NotEmpty(changes);
        Assert.All(changes, static change => Assert.NotEqual(NftObjectKind.Element, change.Kind));
    });

    [Theory]
    [InlineData(IPFamily.IPv4)]
    [InlineData(IPFamily.IPv6)]
    public void The_next_run_finds_frontends_and_the_record_of_sysctls(IPFamily family)
    {
        var address = InetAddress.Parse(family == IPFamily.IPv4 ? "10.96.0.1" : "fd00::1");
        var key = new FrontendKey(address, TransportProtocol.Udp, 53);
        _namespace.Run(() =>
        {
            using var nft = NftNetlink.Open();
            using var table = new CompanionTable(nft, family, MasqueradeBit, "svcproxy; before: conntrack=0");
            table.Adopt(
                [new(new(SetKind.Services), key), new(new(SetKind.Retiring), key with { Port = 54 }), new(new(SetKind.Addresses), new(address, default, 0))],
                new() { Mode = LocalPodDetectionMode.InterfaceNamePrefix, InterfaceName = "veth" });
            Assert.Equal([key, key with { Port = 54 }], CompanionTable.ReadFrontends(nft, family)!.OrderBy(static found => found.Port));
            Assert.Equal("svcproxy; before: conntrack=0", CompanionTable.Find(nft, family)?.Comment);
        });
        Assert.Contains("chain prerouting", _namespace.Exec("nft", "list", "ruleset"), StringComparison.Ordinal);
    }

    [Fact]
    public void Service_addresses_are_routes_of_ours_and_the_nodes_own_stay()
    {
        var (own, service) = (InetAddress.Parse("192.0.2.1"), InetAddress.Parse("10.96.0.1"));
        _namespace.Exec("ip", "address", "add", "192.0.2.1/32", "dev", "lo");
        _namespace.Run(() =>
        {
            using var addresses = new ServiceAddresses("kube-ipvs0");
            addresses.TakeDevice();
            addresses.Take([own, service, service, InetAddress.Parse("fd00::1")]);
            Assert.Empty(addresses.Put());
            using (var next = new ServiceAddresses("kube-ipvs0"))
            {
                next.Read();
                Assert.Equal(["10.96.0.1", "fd00::1"], next.Present.Select(static address => address.ToString()).Order(StringComparer.Ordinal));
            }

            // As often wanted no more as it was wanted.
            addresses.Release([own, service]);
            addresses.Put();
            addresses.Read();
            Assert.Equal(2, addresses.Present.Count);
            addresses.Release([service]);
            addresses.Put();
            addresses.Read();
            Assert.Equal("fd00::1", Assert.Single(addresses.Present).ToString());
            addresses.DeleteDevice();
        });
        Assert.Contains("local 192.0.2.1", _namespace.Exec("ip", "route", "show", "table", "local"), StringComparison.Ordinal);
    }

    private static List<SetElement> Wanted(ServicePort?[] services)
    {
        var layout = Layout();
        return [.. services.OfType<ServicePort>().DistinctBy(static service => service.Key).SelectMany(service => layout.Build(service, Node).Elements)];
    }

    private string Chains()
    {
        var listing = _namespace.Exec("nft", "-s", "list", "table", "ip", "svcproxy-ipvs-v1");
        return listing[listing.IndexOf("chain ", StringComparison.Ordinal)..];
    }

    private static List<string> Elements(NftNetlink nft) =>
    [
        .. nft.GetSets(CompanionTable.Find(nft, IPFamily.IPv4)!).SelectMany(set => nft.GetElements(set)
            .Select(element => $"{set.Name} {Hex(element.Key)} {Hex(element.KeyEnd)} {Hex(element.Data)}")).Order(StringComparer.Ordinal),
    ];

    private static string Hex(ImmutableArray<byte> bytes) => Convert.ToHexString(bytes.AsSpan());

    private static ServicePort Build(int name, int shape, HashSet<int> endpoints, HashSet<int> local)
    {
        ImmutableArray<Frontend> frontends = shape switch
        {
            1 => [ClusterIP("10.96.0.1", (ushort)(80 + name))],
            2 => [ClusterIP("10.96.0.1", (ushort)(80 + name)), NodePort((ushort)(30000 + name), ToLocal)],
            3 => [External("198.18.0.1", ToLocal, (ushort)(80 + name))],
            _ => [External("198.18.0.1", Masqueraded, (ushort)(80 + name)) with { SourceRanges = [InetPrefix.Parse("10.0.0.0/8")] }],
        };
        return Service($"s{name}", GroupOf(endpoints, EndpointGroup.Reject), GroupOf(local, EndpointGroup.Drop), 0, null, TransportProtocol.Tcp, [], frontends);
    }

    private static EndpointGroup GroupOf(HashSet<int> numbers, EndpointGroup none) => numbers.Count == 0
        ? none
        : EndpointGroup.Forward([.. numbers.Order().Select(static n => new Endpoint(InetAddress.FromIPv4(0x0A000000u + (uint)n), 8080, IsLocal: n == 1))]);
}
