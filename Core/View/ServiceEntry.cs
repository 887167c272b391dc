using ProxyFramework.Core.Objects;

namespace ProxyFramework.Core.View;

/// <summary>
/// All that is held for one Service name: the Service, its slices, and what was published for it. Mutable, written by
/// <see cref="ServiceStore"/> and <see cref="NodeView"/> only. It exists while there is a Service, a slice or something published.
/// </summary>
internal sealed class ServiceEntry(NamespacedName name)
{
    public NamespacedName Name { get; } = name;

    /// <summary>The Service as it is now, with what was refused left out; null where there is none, or none to be proxied.</summary>
    public Service? Service { get; set; }

    /// <summary>What the annotations of <see cref="Service"/> say.</summary>
    public ServiceAnnotations Annotations { get; set; } = ServiceAnnotations.None;

    /// <summary>The slices, ordered by name so that no result depends on the order of events.</summary>
    public EndpointSlice[] Slices { get; set; } = [];

    /// <summary>The Service whose frontends are entered in <see cref="FrontendClaims"/>; null for none.</summary>
    public Service? Claimant { get; set; }

    /// <summary>The service ports that are published.</summary>
    public ServicePort[] Published { get; set; } = [];

    /// <summary>The service ports of which something is checked.</summary>
    public ServicePortKey[] Checked { get; set; } = [];

    /// <summary>The newest trigger time of slices that changed since the last computation, in UTC ticks; 0 for none.</summary>
    public long TriggerTicks { get; set; }

    /// <summary>Whether a computation is due.</summary>
    public bool IsDirty { get; set; }

    public bool IsEmpty => Service is null && Claimant is null && Slices.Length == 0 && Published.Length == 0;
}
