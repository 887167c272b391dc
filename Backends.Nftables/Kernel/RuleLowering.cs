using System.Collections.Immutable;
using System.Text;
using ProxyFramework.Backends.Nftables.Layout;
using ProxyFramework.Netlink.NfTables;

namespace ProxyFramework.Backends.Nftables.Kernel;

/// <summary>
/// Lowers the statements of the layout to the kernel's expressions. A key's fields lie in consecutive registers; where <c>nft</c>
/// prints a rule from its expressions, it finds them there.
/// </summary>
internal sealed class RuleLowering(IPFamily family)
{
    // linux/netfilter/nf_conntrack_common.h
    private const uint NF_CT_STATE_INVALID_BIT = 1;
    private const uint IPS_DST_NAT = 1 << 5;

    // linux/rtnetlink.h
    private const uint RTN_LOCAL = 2;

    /// <summary>Different from the seeds of others, so that a hash of two layers of balancing is not the same one twice.</summary>
    private const uint HashSeed = 0x5C7E_2A91;

    private readonly int _addressRegisters = family == IPFamily.IPv4 ? 1 : 4;

    /// <summary>Writes a rule.</summary>
    public NftRuleWriter Write(NftRuleWriter rule, ImmutableArray<Statement> statements)
    {
        foreach (var statement in statements)
        {
            Write(rule, statement);
        }

        return rule;
    }

    private NftRuleWriter Write(NftRuleWriter rule, Statement statement) => statement switch
    {
        Statement.MatchFrontend match => Frontend(rule, match.Set.IsNodePort, 0).Rule.Lookup(match.Set.Name, 0),
        Statement.MatchForbiddenSource match => MatchForbiddenSource(rule, match.Set),
        Statement.MatchDestination match => Destination(rule, 0).Lookup(match.Set.Name, 0),
        Statement.MatchSource match => Source(rule, 0).Lookup(match.Set.Name, 0),
        Statement.MatchHairpin match => Destination(Source(HasBits(rule.Ct(NftCt.Status, 0), IPS_DST_NAT), 0), _addressRegisters).Lookup(match.Set.Name, 0),
        Statement.MatchInvalid => HasBits(rule.Ct(NftCt.State, 0), NF_CT_STATE_INVALID_BIT),
        Statement.MatchNotOwnAddress => rule
            .Fib(NftFibFlags.Destination, NftFibResult.AddressType, 0)
            .CompareHost(0, NftComparison.NotEqual, RTN_LOCAL),
        Statement.MatchInterface match => rule.Meta(NftMeta.IncomingName, 0).Compare(0, NftComparison.Equal, InterfaceName(match)),
        Statement.MatchProtocol match => rule.TransportProtocol(0).Compare(0, NftComparison.Equal, (byte)match.Protocol),
        Statement.MatchMark match => rule.Meta(NftMeta.Mark, 0).BitwiseHost(0, match.Bit, 0).CompareHost(0, NftComparison.Equal, match.Bit),
        Statement.SetMark set => rule.Meta(NftMeta.Mark, 0).BitwiseHost(0, ~set.Bit, set.Bit).SetMeta(NftMeta.Mark, 0),
        Statement.ClearMark clear => rule.Meta(NftMeta.Mark, 0).BitwiseHost(0, ~clear.Bit, 0).SetMeta(NftMeta.Mark, 0),
        Statement.Goto to => rule.Goto(to.Chain),
        Statement.Jump to => rule.Jump(to.Chain),
        Statement.Drop => rule.Drop(),
        Statement.RejectWithReset => rule.Reject(NftReject.TcpReset),
        Statement.RejectPortUnreachable => rule.Reject(NftReject.PortUnreachable),
        Statement.Masquerade => rule.Masquerade(NftNatFlags.FullyRandom),
        Statement.MatchTranslated => HasBits(rule.Ct(NftCt.Status, 0), IPS_DST_NAT),
        Statement.Forget => rule.Immediate(0, 0, 0, 0, 0).SetMeta(NftMeta.Priority, 0),
        Statement.PickSlot pick => PickSlot(rule, pick.Class).SetMeta(NftMeta.Priority, 0),
        Statement.SlotToId to => Choice(rule, to.Map).SetMeta(NftMeta.Priority, 0),
        Statement.RecallId recall => Client(rule, recall.Map).Rule.LookupMap(recall.Map.Name, 0, 0).SetMeta(NftMeta.Priority, 0),
        Statement.RememberId remember => ChangeClient(rule, NftDynamicOperation.Update, remember.Map, TimeSpan.FromSeconds(remember.TimeoutSeconds)),
        Statement.ForgetClient forget => ChangeClient(rule, NftDynamicOperation.Delete, forget.Map, null),
        Statement.DnatTo to => Choice(rule, to.Map).DestinationNat(family, 0, _addressRegisters),
        _ => throw new InvalidOperationException($"{statement.GetType().Name} has no kernel expressions"),
    };

    private static NftRuleWriter HasBits(NftRuleWriter rule, uint bits) =>
        rule.BitwiseHost(0, bits, 0).CompareHost(0, NftComparison.NotEqual, 0);

    private static byte[] InterfaceName(Statement.MatchInterface match)
    {
        // A whole name is compared with its NUL and what follows, the beginning of one without.
        const int IFNAMSIZ = 16;
        var name = Encoding.UTF8.GetBytes(match.Name);
        if (!match.IsPrefix)
        {
            Array.Resize(ref name, IFNAMSIZ);
        }

        return name;
    }

    private NftRuleWriter Source(NftRuleWriter rule, int to) => family == IPFamily.IPv4 ? rule.IPv4Source(to) : rule.IPv6Source(to);

    private NftRuleWriter Destination(NftRuleWriter rule, int to) => family == IPFamily.IPv4 ? rule.IPv4Destination(to) : rule.IPv6Destination(to);

    /// <summary>Loads the frontend's key.</summary>
    /// <returns>The first register behind it.</returns>
    private (NftRuleWriter Rule, int Next) Frontend(NftRuleWriter rule, bool isNodePort, int to)
    {
        if (!isNodePort)
        {
            rule = Destination(rule, to);
            to += _addressRegisters;
        }

        return (rule.TransportProtocol(to).DestinationPort(to + 1), to + 2);
    }

    /// <summary>Loads the client and the frontend's key.</summary>
    private (NftRuleWriter Rule, int Next) Client(NftRuleWriter rule, SetId affinity) =>
        Frontend(Source(rule, 0), affinity.IsNodePort, _addressRegisters);

    private NftRuleWriter MatchForbiddenSource(NftRuleWriter rule, SetId set)
    {
        (rule, var next) = Frontend(rule, set.IsNodePort, 0);
        return Source(rule, next).Lookup(set.Name, 0, negate: true);
    }

    private NftRuleWriter ChangeClient(NftRuleWriter rule, NftDynamicOperation operation, SetId affinity, TimeSpan? timeout)
    {
        (rule, var next) = Client(rule, affinity);
        return rule.Meta(NftMeta.Priority, next).DynamicSet(operation, affinity.Name, 0, next, timeout);
    }

    /// <summary>Loads what a map has for the frontend and the slot or id that the priority carries.</summary>
    private NftRuleWriter Choice(NftRuleWriter rule, SetId map)
    {
        (rule, var next) = Frontend(rule, map.IsNodePort, 0);
        return rule.Meta(NftMeta.Priority, next).LookupMap(map.Name, 0, 0);
    }

    /// <summary>Loads the number of a slot.</summary>
    private NftRuleWriter PickSlot(NftRuleWriter rule, SlotClass slots)
    {
        const int Hashed = 1;
        var port = Hashed + _addressRegisters;
        return slots.Selector switch
        {
            SlotSelector.SourceHash => Source(rule, Hashed).JHash(Hashed, 4 * _addressRegisters, slots.Slots, HashSeed, 0, ElementLayout.FirstSlot),
            SlotSelector.ConnectionHash => Destination(Source(rule, Hashed).SourcePort(port), port + 1)
                .DestinationPort(port + 1 + _addressRegisters)
                .JHash(Hashed, 8 * (_addressRegisters + 1), slots.Slots, HashSeed, 0, ElementLayout.FirstSlot),
            _ => rule.NumGen(NftNumGenType.Random, slots.Slots, 0, ElementLayout.FirstSlot),
        };
    }
}
