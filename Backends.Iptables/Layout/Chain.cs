using System.Collections.Immutable;

namespace ProxyFramework.Backends.Iptables.Layout;

/// <summary>The tables that this mode writes to.</summary>
internal enum RuleTable : byte
{
    /// <summary>Translates the first packet of a connection.</summary>
    Nat,

    /// <summary>Drops or refuses what was not translated.</summary>
    Filter,
}

/// <summary>A chain of a table.</summary>
internal readonly record struct ChainId(RuleTable Table, string Name);

/// <summary>A rule as iptables-save prints it, without <c>-A CHAIN</c>.</summary>
/// <param name="Text">Matches and target.</param>
/// <param name="Owner">The service port that it is for; null where it is for all.</param>
internal readonly record struct Rule(string Text, ServicePortKey? Owner = null);

/// <summary>A chain with its rules in order.</summary>
internal readonly record struct Chain(ChainId Id, ImmutableArray<Rule> Rules);
