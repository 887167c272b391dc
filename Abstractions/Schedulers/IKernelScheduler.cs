namespace ProxyFramework;

/// <summary>A scheduler that the kernel's IPVS has itself (<c>net/netfilter/ipvs/ip_vs_*.c</c>).</summary>
public interface IKernelScheduler : IScheduler
{
    /// <summary>The kernel's name for it, at most 15 characters (<c>IP_VS_SCHEDNAME_MAXLEN</c>).</summary>
    string KernelName { get; }

    /// <summary>The scheduler's flags for the virtual server (<c>IP_VS_SVC_F_SCHED1</c>…), 0 for none.</summary>
    uint KernelFlags { get; }
}
