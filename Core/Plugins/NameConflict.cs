using System.Collections.Immutable;

namespace ProxyFramework.Core.Plugins;

/// <summary>A name that several backends, or several schedulers, claim. None of them can be used by it.</summary>
/// <param name="Kind"><c>backend</c> or <c>scheduler</c>.</param>
/// <param name="Name">The name.</param>
/// <param name="Origins">The assemblies' paths, or the types of those that the program itself registered.</param>
public sealed record NameConflict(string Kind, string Name, ImmutableArray<string> Origins)
{
    /// <summary>Who claims what, and what to do.</summary>
    public override string ToString() =>
        $"the {Kind} name '{Name}' is claimed by {string.Join(" and by ", Origins)}: remove all but one; none of them is used";
}
