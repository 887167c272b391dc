using System.Collections.Immutable;

namespace ProxyFramework.Backends.Userspace;

/// <summary>A service port on its way into force, or out of it.</summary>
/// <param name="Proxied">Its present state.</param>
/// <param name="Service">What it is to be; null to remove it.</param>
/// <param name="Scheduler">Its scheduler; null where it is removed or not proxied.</param>
/// <param name="Options">Its options.</param>
/// <param name="Wanted">Its listening sockets and the frontend that each serves.</param>
internal sealed record PendingUpdate(
    ProxiedServicePort Proxied,
    ServicePort? Service,
    IScheduler? Scheduler,
    ServiceOptions Options,
    ImmutableArray<(ListenKey Key, Frontend Frontend)> Wanted)
{
    /// <summary>Whether its former state stays in force, since the new one could not be made.</summary>
    public bool IsRefused { get; set; }

    /// <summary>The addresses that must be local for it, once for each frontend.</summary>
    public IEnumerable<InetAddress> Claimed => ClaimedBy(Wanted);

    /// <summary>Node ports are at addresses that the machine has.</summary>
    public static IEnumerable<InetAddress> ClaimedBy(ImmutableArray<(ListenKey Key, Frontend Frontend)> listeners) =>
        listeners.Where(listener => listener.Frontend.Kind != FrontendKind.NodePort).Select(listener => listener.Key.Address);
}
