namespace ProxyFramework.Backends.Nftables.Layout;

/// <summary>A part of a rule, in the words of this layout. It is lowered to kernel expressions when a transaction is written.</summary>
internal abstract record Statement
{
    /// <summary>The connection's frontend key is in the set: <c>ip daddr . meta l4proto . th dport @set</c>.</summary>
    public sealed record MatchFrontend(SetId Set) : Statement;

    /// <summary>The frontend key with the source is not in the set: <c>… . ip saddr != @set</c>.</summary>
    public sealed record MatchForbiddenSource(SetId Set) : Statement;

    /// <summary><c>ip daddr @set</c>.</summary>
    public sealed record MatchDestination(SetId Set) : Statement;

    /// <summary><c>ip saddr @set</c>.</summary>
    public sealed record MatchSource(SetId Set) : Statement;

    /// <summary><c>ct status dnat ip saddr . ip daddr @set</c>.</summary>
    public sealed record MatchHairpin(SetId Set) : Statement;

    /// <summary><c>ct state invalid</c>.</summary>
    public sealed record MatchInvalid : Statement;

    /// <summary><c>fib daddr type != local</c>.</summary>
    public sealed record MatchNotOwnAddress : Statement;

    /// <summary><c>iifname</c>, or its beginning.</summary>
    public sealed record MatchInterface(string Name, bool IsPrefix) : Statement;

    /// <summary><c>meta l4proto</c>.</summary>
    public sealed record MatchProtocol(TransportProtocol Protocol) : Statement;

    /// <summary>The packet carries the masquerade bit.</summary>
    public sealed record MatchMark(uint Bit) : Statement;

    /// <summary><c>meta mark set mark or bit</c>.</summary>
    public sealed record SetMark(uint Bit) : Statement;

    /// <summary><c>meta mark set mark and not bit</c>.</summary>
    public sealed record ClearMark(uint Bit) : Statement;

    /// <summary><c>goto</c>.</summary>
    public sealed record Goto(string Chain) : Statement;

    /// <summary><c>jump</c>.</summary>
    public sealed record Jump(string Chain) : Statement;

    /// <summary><c>drop</c>.</summary>
    public sealed record Drop : Statement;

    /// <summary><c>reject with tcp reset</c>.</summary>
    public sealed record RejectWithReset : Statement;

    /// <summary><c>reject with icmp port-unreachable</c>, or ICMPv6's.</summary>
    public sealed record RejectPortUnreachable : Statement;

    /// <summary><c>masquerade fully-random</c>.</summary>
    public sealed record Masquerade : Statement;

    /// <summary><c>ct status dnat</c>.</summary>
    public sealed record MatchTranslated : Statement;

    /// <summary>
    /// <c>meta priority set 0</c>. The packet's priority carries the slot, or an endpoint's id, from one statement to the next: what is
    /// in registers ends with a rule, and a key must consist of what has a type of its own, or no listing could be loaded again.
    /// </summary>
    public sealed record Forget : Statement;

    /// <summary><c>meta priority set numgen random mod …</c>, or a hash: a slot of the class.</summary>
    public sealed record PickSlot(SlotClass Class) : Statement;

    /// <summary><c>meta priority set</c> what the map has for the frontend key and the slot: an endpoint's id.</summary>
    public sealed record SlotToId(SetId Map) : Statement;

    /// <summary><c>meta priority set</c> what the affinity map has for client and frontend key: an endpoint's id.</summary>
    public sealed record RecallId(SetId Map) : Statement;

    /// <summary><c>update @map { client . frontend key timeout : meta priority }</c>.</summary>
    public sealed record RememberId(SetId Map, int TimeoutSeconds) : Statement;

    /// <summary><c>delete @map { client . frontend key : meta priority }</c>.</summary>
    public sealed record ForgetClient(SetId Map) : Statement;

    /// <summary><c>dnat to</c> what the map has for the frontend key and the slot or id; where it has nothing, the rule ends.</summary>
    public sealed record DnatTo(SetId Map) : Statement;
}
