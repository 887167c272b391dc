using System.Text;
using ProxyFramework.Backends.Ipvs.Layout;
using ProxyFramework.Netlink.NfTables;

namespace ProxyFramework.Backends.Ipvs.Kernel;

/// <summary>The companion table's chains: as many as there are, whatever the services are.</summary>
internal sealed class CompanionRules(CompanionSchema schema, uint masqueradeBit)
{
    // linux/netfilter/nf_conntrack_common.h: NF_CT_STATE_BIT(IP_CT_NEW)
    private const uint NF_CT_STATE_NEW_BIT = 1 << 3;

    /// <summary>Before a CNI plugin's own masquerading, for the first nat rule that applies to a connection ends it.</summary>
    private const int BeforeSourceNat = NftBaseChain.SourceNatPriority - 5;

    private const string RefuseName = "refuse";
    private const string FromNetworkName = "from-network";

    private static readonly TrafficOrigin[] Origins = [TrafficOrigin.Outside, TrafficOrigin.LocalPod, TrafficOrigin.Node];

    private readonly int _addressRegisters = schema.Family == IPFamily.IPv4 ? 1 : 4;

    /// <summary>The base chains, by their names.</summary>
    public static IReadOnlyDictionary<string, NftBaseChain> BaseChains { get; } = new Dictionary<string, NftBaseChain>
    {
        ["prerouting"] = new(NftBaseChain.Filter, NftHook.PreRouting, NftBaseChain.ManglePriority),
        ["output"] = new(NftBaseChain.Filter, NftHook.Output, NftBaseChain.ManglePriority),
        ["postrouting"] = new(NftBaseChain.Nat, NftHook.PostRouting, BeforeSourceNat),
    };

    /// <summary>The names of all chains.</summary>
    public static IReadOnlyCollection<string> Names { get; } =
        [.. BaseChains.Keys, RefuseName, FromNetworkName, .. Origins.Select(static origin => new SetId(default, origin).From)];

    /// <summary>Writes all chains.</summary>
    /// <param name="batch">Where to.</param>
    /// <param name="pods">How pods are told.</param>
    /// <param name="existing">The chains that there are: their rules go.</param>
    public void Write(NftBatch batch, LocalPodDetection pods, IReadOnlyCollection<string> existing)
    {
        foreach (var chain in existing)
        {
            batch.FlushChain(new NftChain(schema.Table, chain));
        }

        var refuse = Chain(batch, RefuseName);
        foreach (var origin in Origins)
        {
            Chain(batch, new SetId(default, origin).From);
        }

        var services = Chain(batch, FromNetworkName);
        var prerouting = Chain(batch, "prerouting");
        var output = Chain(batch, "output");
        var postrouting = Chain(batch, "postrouting");

        // linux/in.h: IPPROTO_TCP
        batch.AddRule(refuse, static rule => rule.TransportProtocol(0).Compare(0, NftComparison.Equal, 6).Reject(NftReject.TcpReset));
        batch.AddRule(refuse, static rule => rule.Reject(NftReject.PortUnreachable));
        foreach (var origin in Origins)
        {
            WriteOrigin(batch, origin);
        }

        WritePods(batch, services, pods);
        batch.AddRule(services, rule => rule.Goto(new SetId(default, TrafficOrigin.Outside).From));
        batch.AddRule(prerouting, rule => Frontend(rule).Lookup(Name(SetKind.Services), 0).Goto(services.Name));
        batch.AddRule(output, rule => Frontend(rule).Lookup(Name(SetKind.Services), 0).Goto(new SetId(default, TrafficOrigin.Node).From));
        foreach (var chain in (NftChain[])[prerouting, output])
        {
            // Ports of a service address that belong to no service must not reach the node's own daemons.
            batch.AddRule(chain, rule => IsNew(Destination(rule, 0).Lookup(Name(SetKind.Addresses), 0)).Goto(RefuseName));
        }

        batch.AddRule(postrouting, rule => Destination(Source(rule, 0), _addressRegisters).Lookup(Name(SetKind.Hairpin), 0).Masquerade(NftNatFlags.FullyRandom));
        batch.AddRule(postrouting, rule => rule
            .Meta(NftMeta.Mark, 0).BitwiseHost(0, masqueradeBit, 0).CompareHost(0, NftComparison.Equal, masqueradeBit)
            .Meta(NftMeta.Mark, 0).BitwiseHost(0, ~masqueradeBit, 0).SetMeta(NftMeta.Mark, 0)
            .Masquerade(NftNatFlags.FullyRandom));

        // The node's own packets to a service address that is local to it have that address as their source.
        batch.AddRule(postrouting, rule => Source(rule, 0).Lookup(Name(SetKind.Addresses), 0).Masquerade(NftNatFlags.FullyRandom));
        foreach (var chain in existing.Except(Names))
        {
            batch.DeleteChain(new NftChain(schema.Table, chain));
        }
    }

    private static string Name(SetKind kind, TrafficOrigin origin = default) => new SetId(kind, origin).Name;

    private NftChain Chain(NftBatch batch, string name)
    {
        var chain = new NftChain(schema.Table, name) { Base = BaseChains.GetValueOrDefault(name) };
        batch.AddChain(chain);
        return chain;
    }

    private void WriteOrigin(NftBatch batch, TrafficOrigin origin)
    {
        var chain = new NftChain(schema.Table, new SetId(default, origin).From);
        batch.AddRule(chain, rule => Source(Frontend(IsNew(Frontend(rule).Lookup(Name(SetKind.Restricted), 0))), _addressRegisters + 2)
            .Lookup(Name(SetKind.Allowed), 0, negate: true).Drop());
        batch.AddRule(chain, rule => IsNew(Frontend(rule).Lookup(Name(SetKind.Drop, origin), 0)).Drop());
        batch.AddRule(chain, rule => IsNew(Frontend(rule).Lookup(Name(SetKind.Reject, origin), 0)).Goto(RefuseName));

        // For every packet, for IPVS may have forgotten a connection that connection tracking remembers.
        batch.AddRule(chain, rule => Frontend(rule).Lookup(Name(SetKind.Masquerade, origin), 0)
            .Meta(NftMeta.Mark, 0).BitwiseHost(0, ~masqueradeBit, masqueradeBit).SetMeta(NftMeta.Mark, 0));
        batch.AddRule(chain, rule => Frontend(rule).LookupMap(Name(SetKind.Mark, origin), 0, 0).SetMeta(NftMeta.Mark, 0));
    }

    private void WritePods(NftBatch batch, NftChain chain, LocalPodDetection pods)
    {
        var from = new SetId(default, TrafficOrigin.LocalPod).From;
        switch (pods.Mode)
        {
            case LocalPodDetectionMode.ClusterCidr or LocalPodDetectionMode.NodeCidr:
                batch.AddRule(chain, rule => Source(rule, 0).Lookup(Name(SetKind.PodRanges), 0).Goto(from));
                break;
            case LocalPodDetectionMode.BridgeInterface or LocalPodDetectionMode.InterfaceNamePrefix:
                // A whole name is compared with its NUL and what follows, the beginning of one without.
                const int IFNAMSIZ = 16;
                var name = Encoding.UTF8.GetBytes(pods.InterfaceName);
                if (pods.Mode == LocalPodDetectionMode.BridgeInterface)
                {
                    Array.Resize(ref name, IFNAMSIZ);
                }

                batch.AddRule(chain, rule => rule.Meta(NftMeta.IncomingName, 0).Compare(0, NftComparison.Equal, name).Goto(from));
                break;
        }
    }

    private static NftRuleWriter IsNew(NftRuleWriter rule, int register = 0) =>
        rule.Ct(NftCt.State, register).BitwiseHost(register, NF_CT_STATE_NEW_BIT, 0).CompareHost(register, NftComparison.NotEqual, 0);

    private NftRuleWriter Source(NftRuleWriter rule, int to) => schema.Family == IPFamily.IPv4 ? rule.IPv4Source(to) : rule.IPv6Source(to);

    private NftRuleWriter Destination(NftRuleWriter rule, int to) =>
        schema.Family == IPFamily.IPv4 ? rule.IPv4Destination(to) : rule.IPv6Destination(to);

    private NftRuleWriter Frontend(NftRuleWriter rule) =>
        Destination(rule, 0).TransportProtocol(_addressRegisters).DestinationPort(_addressRegisters + 1);
}
