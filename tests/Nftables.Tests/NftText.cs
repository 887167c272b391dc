using System.Globalization;
using System.Text;
using ProxyFramework.Backends.Nftables.Layout;

namespace ProxyFramework.Nftables.Tests;

/// <summary>Writes a table in the language of the <c>nft</c> program, so that the layout can be tried without our own netlink code.</summary>
internal sealed class NftText(IPFamily family)
{
    private readonly string _ip = family == IPFamily.IPv4 ? "ip" : "ip6";
    private readonly string _type = family == IPFamily.IPv4 ? "ipv4_addr" : "ipv6_addr";

    public string Table(IEnumerable<SetId> sets, IEnumerable<Chain> chains, IEnumerable<Element> elements)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"table {_ip} svcproxy {{\n");
        var bySet = elements.Distinct().ToLookup(element => element.Key.Set);
        foreach (var set in sets.Distinct())
        {
            text.Append(CultureInfo.InvariantCulture, $"{(set.IsMap ? "map" : "set")} {set.Name} {{ {Type(set)};");
            if (bySet.Contains(set))
            {
                text.Append(CultureInfo.InvariantCulture, $" elements = {{ {string.Join(", ", bySet[set].Select(Text))} }};");
            }

            text.Append(" }\n");
        }

        foreach (var chain in chains)
        {
            text.Append(CultureInfo.InvariantCulture, $"chain {chain.Name} {{\n");
            if (chain.Hook is { } hook)
            {
                var name = hook.Number switch { 0 => "prerouting", 3 => "output", _ => "postrouting" };
                text.Append(CultureInfo.InvariantCulture, $"type nat hook {name} priority {hook.Priority};\n");
            }

            foreach (var rule in chain.Rules)
            {
                text.AppendJoin(' ', rule.Select(Text)).Append('\n');
            }

            text.Append("}\n");
        }

        return text.Append("}\n").ToString();
    }

    private string Type(SetId set)
    {
        var key = set.IsNodePort ? "inet_proto . inet_service" : $"{_type} . inet_proto . inet_service";
        var expression = Key(set.IsNodePort);
        return set.Kind switch
        {
            SetKind.Allowed => $"type {key} . {_type}; flags interval",
            SetKind.Endpoints => $"typeof {expression} . numgen random mod 2 : {_ip} daddr . th dport",
            SetKind.AffinitySlots => $"typeof {expression} . numgen random mod 2 : meta priority",
            SetKind.AffinityEndpoints => $"type {key} . classid : {_type} . inet_service",
            SetKind.Affinity => $"type {_type} . {key} : classid; size 65536; flags dynamic,timeout",
            SetKind.ClusterIPs or SetKind.NodePortAddresses => $"type {_type}",
            SetKind.PodRanges => $"type {_type}; flags interval",
            SetKind.Hairpin => $"type {_type} . {_type}",
            _ => $"type {key}",
        };
    }

    private static string Text(Element element)
    {
        var (key, value) = (element.Key, element.Value);
        var protocol = key.Frontend.Protocol.ToString().ToLowerInvariant();
        var frontend = key.Set.IsNodePort ? $"{protocol} . {key.Frontend.Port}" : $"{key.Frontend.Address} . {protocol} . {key.Frontend.Port}";
        return key.Set.Kind switch
        {
            SetKind.Allowed => $"{frontend} . {key.Source}",
            SetKind.Endpoints => $"{frontend} . {key.Selector} : {value.Address} . {value.Port}",
            SetKind.AffinitySlots => $"{frontend} . {key.Selector} : {ClassId(value.Id)}",
            SetKind.AffinityEndpoints => $"{frontend} . {ClassId(key.Selector)} : {value.Address} . {value.Port}",
            SetKind.ClusterIPs => $"{key.Frontend.Address}",
            SetKind.Hairpin => $"{key.Frontend.Address} . {key.Frontend.Address}",
            _ => frontend,
        };
    }

    private static string ClassId(uint id) => string.Create(CultureInfo.InvariantCulture, $"{id >> 16:x}:{id & 0xFFFF:x}");

    private string Key(bool isNodePort) => isNodePort ? "meta l4proto . th dport" : $"{_ip} daddr . meta l4proto . th dport";

    private string Text(Statement statement) => statement switch
    {
        Statement.MatchFrontend match => $"{Key(match.Set.IsNodePort)} @{match.Set.Name}",
        Statement.MatchForbiddenSource match => $"{Key(match.Set.IsNodePort)} . {_ip} saddr != @{match.Set.Name}",
        Statement.MatchDestination match => $"{_ip} daddr @{match.Set.Name}",
        Statement.MatchSource match => $"{_ip} saddr @{match.Set.Name}",
        Statement.MatchHairpin match => $"ct status dnat {_ip} saddr . {_ip} daddr @{match.Set.Name}",
        Statement.MatchInterface match => $"iifname \"{match.Name}{(match.IsPrefix ? "*" : "")}\"",
        Statement.MatchProtocol match => $"meta l4proto {match.Protocol.ToString().ToLowerInvariant()}",
        Statement.MatchMark match => $"meta mark and {match.Bit} == {match.Bit}",
        Statement.SetMark set => $"meta mark set meta mark or {set.Bit}",
        Statement.ClearMark set => $"meta mark set meta mark and {~set.Bit}",
        Statement.Goto to => $"goto {to.Chain}",
        Statement.Jump to => $"jump {to.Chain}",
        Statement.Drop => "drop",
        Statement.RejectWithReset => "reject with tcp reset",
        Statement.RejectPortUnreachable => family == IPFamily.IPv4 ? "reject with icmp port-unreachable" : "reject with icmpv6 port-unreachable",
        Statement.Masquerade => "masquerade fully-random",
        Statement.DnatToSlot to => $"dnat to {Key(to.Map.IsNodePort)} . {Slot(to.Class)} map @{to.Map.Name}",
        Statement.ForgetId => "meta priority set 0",
        Statement.RecallId recall => $"meta priority set {_ip} saddr . {Key(recall.Map.IsNodePort)} map @{recall.Map.Name}",
        Statement.PickId pick => $"meta priority set {Key(pick.Map.IsNodePort)} . {Slot(pick.Class)} map @{pick.Map.Name}",
        Statement.RememberId remember =>
            $"update @{remember.Map.Name} {{ {_ip} saddr . {Key(remember.Map.IsNodePort)} timeout {remember.TimeoutSeconds}s : meta priority }}",
        Statement.ForgetClient forget => $"delete @{forget.Map.Name} {{ {_ip} saddr . {Key(forget.Map.IsNodePort)} : meta priority }}",
        Statement.DnatToId to => $"dnat to {Key(to.Map.IsNodePort)} . meta priority map @{to.Map.Name}",
        _ => throw new InvalidOperationException($"{statement} has no text"),
    };

    private string Slot(SlotClass slotClass) => slotClass.Selector switch
    {
        SlotSelector.SourceHash => $"jhash {_ip} saddr mod {slotClass.Slots} seed 1",
        SlotSelector.ConnectionHash => $"jhash {_ip} saddr . th sport . {_ip} daddr . th dport mod {slotClass.Slots} seed 1",
        _ => $"numgen random mod {slotClass.Slots}",
    };
}
