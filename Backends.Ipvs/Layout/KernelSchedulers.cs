using System.Collections.Immutable;
using ProxyFramework.Netlink.Ipvs;

namespace ProxyFramework.Backends.Ipvs.Layout;

/// <summary>
/// Finds the kernel's scheduler: the service's own, else the mode's default, else round robin, by weight where there are weights.
/// </summary>
/// <param name="schedulers">What plugins know.</param>
/// <param name="defaultScheduler">The mode's default, or null.</param>
/// <param name="missing">Those that this kernel does not have.</param>
internal sealed class KernelSchedulers(ISchedulerCatalog schedulers, string? defaultScheduler, IReadOnlyCollection<string> missing)
{
    /// <summary>Where clients are kept to their servers without persistence.</summary>
    public static readonly (string Name, IpvsServiceFlags Flags) SourceHash = ("mh", IpvsServiceFlags.Scheduler1);

    /// <summary>The schedulers of <c>net/netfilter/ipvs</c> in Linux 6.1.</summary>
    public static ImmutableArray<string> Known { get; } =
        ["rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq", "fo", "ovf", "mh"];

    /// <summary>The scheduler of a group of endpoints.</summary>
    public (string Name, IpvsServiceFlags Flags) For(ServicePort service, EndpointGroup group) =>
        Find(service.Scheduler) ?? Find(defaultScheduler) ?? (group.Endpoints.Any(endpoint => endpoint.Weight != group.Endpoints[0].Weight) ? "wrr" : "rr", default);

    /// <summary>What the operator should know where the scheduler asked for cannot be honoured; null where it can.</summary>
    public string? NoticeFor(ServicePort service)
    {
        var wanted = service.Scheduler ?? defaultScheduler;
        if (wanted is null || Find(wanted) is not null)
        {
            return null;
        }

        var instead = Find(defaultScheduler)?.Name ?? "rr";
        return missing.Contains(KernelName(wanted)?.Name)
            ? $"scheduler '{wanted}': this kernel has no module ip_vs_{KernelName(wanted)!.Value.Name} ('modprobe ip_vs_{KernelName(wanted)!.Value.Name}' on the node); '{instead}' is used"
            : $"scheduler '{wanted}' is not one of the kernel's ({string.Join(", ", Known)}, sh-port, mh-port); '{instead}' is used";
    }

    private (string Name, IpvsServiceFlags Flags)? Find(string? name) =>
        KernelName(name) is { } scheduler && !missing.Contains(scheduler.Name) ? scheduler : null;

    private (string Name, IpvsServiceFlags Flags)? KernelName(string? name) => name switch
    {
        null => null,
        // Without it, a client whose server is drained would be refused (ip_vs_sh.c, ip_vs_mh.c).
        "sh" or "mh" => (name, IpvsServiceFlags.Scheduler1),
        "sh-port" or "mh-port" => (name[..2], IpvsServiceFlags.Scheduler1 | IpvsServiceFlags.Scheduler2),
        _ when schedulers.Find(name) is IKernelScheduler scheduler => (scheduler.KernelName, (IpvsServiceFlags)scheduler.KernelFlags),
        _ when Known.Contains(name) => (name, default),
        _ => null,
    };
}
