using System.Collections.Immutable;

namespace ProxyFramework.Backends.Userspace;

/// <summary>Which packets a listening socket sees at all, by their origin and source address.</summary>
/// <param name="Family">The family of the socket.</param>
/// <param name="Outside">Whether those from outside are let in.</param>
/// <param name="LocalPod">Whether those from pods of this node are.</param>
/// <param name="Node">Whether those from this node itself are: they come in through the loopback interface.</param>
internal readonly record struct AdmissionRule(IPFamily Family, bool Outside, bool LocalPod, bool Node)
{
    /// <summary>The only source addresses that are let in; the default array for all.</summary>
    public ImmutableArray<InetPrefix> SourceRanges { get; init; }

    /// <summary>The addresses by which pods of this node are told.</summary>
    public ImmutableArray<InetPrefix> LocalPodRanges { get; init; } = [];

    /// <summary>The indexes of the interfaces by which pods of this node are told.</summary>
    public ImmutableArray<int> LocalPodInterfaces { get; init; } = [];

    public bool AdmitsEverything => Outside && LocalPod && Node && SourceRanges.IsDefault;

    public bool AdmitsNothing => !Outside && !LocalPod && !Node;
}
