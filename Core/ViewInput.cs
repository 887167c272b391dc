using System.Collections.Immutable;
using ProxyFramework.Core.Sources;

namespace ProxyFramework.Core;

/// <summary>What the node view is fed with, in the order in which it happened.</summary>
internal abstract record ViewInput
{
    private ViewInput()
    {
    }

    /// <summary>Events of one source that belong together.</summary>
    public sealed record Events(int Source, IReadOnlyList<SourceEvent> Batch) : ViewInput;

    /// <summary>This machine's addresses.</summary>
    public sealed record Addresses(ImmutableArray<InetAddress> All) : ViewInput;
}
