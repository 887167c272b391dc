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
    /// <param name="Source">Which source's.</param>
    /// <param name="Batch">The events.</param>
    /// <param name="Received">When the source published them, as the clock's timestamp.</param>
    public sealed record Events(int Source, IReadOnlyList<SourceEvent> Batch, long Received) : ViewInput;

    /// <summary>This machine's addresses.</summary>
    public sealed record Addresses(ImmutableArray<InetAddress> All) : ViewInput;
}
