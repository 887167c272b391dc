using ProxyFramework.Core.Objects;

namespace ProxyFramework.Core.View;

/// <summary>A service port's wish for a frontend.</summary>
/// <param name="Entry">The Service, by its entry; the claim is made for its <see cref="ServiceEntry.Claimant"/>.</param>
/// <param name="PortIndex">The index into <c>spec.ports</c>.</param>
/// <param name="Kind">Where the address comes from.</param>
internal readonly record struct FrontendClaim(ServiceEntry Entry, ushort PortIndex, FrontendKind Kind)
{
    public ServicePortSpec Port => Entry.Claimant!.Ports[PortIndex];

    /// <summary>
    /// Whether this claim wins against another for the same frontend: by kind, then the older Service, then its name, then the port's name.
    /// Nothing in it depends on the order of events, so every node comes to the same answer.
    /// See docs/decisions/002-frontend-conflicts.md.
    /// </summary>
    public bool Precedes(FrontendClaim other)
    {
        var order = Kind.CompareTo(other.Kind);
        if (order == 0)
        {
            order = Entry.Claimant!.CreationTimestamp.CompareTo(other.Entry.Claimant!.CreationTimestamp);
        }

        if (order == 0)
        {
            order = Entry.Name.CompareTo(other.Entry.Name);
        }

        if (order == 0)
        {
            order = string.CompareOrdinal(Port.Name, other.Port.Name);
        }

        return order < 0;
    }
}
