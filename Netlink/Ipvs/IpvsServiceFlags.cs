namespace ProxyFramework.Netlink.Ipvs;

/// <summary>How a virtual server treats connections: <c>IP_VS_SVC_F_…</c> (linux/ip_vs.h).</summary>
[Flags]
public enum IpvsServiceFlags : uint
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary><c>IP_VS_SVC_F_PERSISTENT</c>: a client goes to the same real server for <see cref="IpvsService.Timeout"/>.</summary>
    Persistent = 0x1,

    /// <summary><c>IP_VS_SVC_F_HASHED</c>: the kernel's own mark that the virtual server is in its table. Not to be set.</summary>
    Hashed = 0x2,

    /// <summary><c>IP_VS_SVC_F_ONEPACKET</c>: each UDP packet is scheduled by itself.</summary>
    OnePacket = 0x4,

    /// <summary><c>IP_VS_SVC_F_SCHED1</c>: <c>sh</c> and <c>mh</c> go on to another real server where the hashed one has weight 0 (<c>sh-fallback</c>, <c>mh-fallback</c>).</summary>
    Scheduler1 = 0x8,

    /// <summary><c>IP_VS_SVC_F_SCHED2</c>: <c>sh</c> and <c>mh</c> hash the source port too (<c>sh-port</c>, <c>mh-port</c>).</summary>
    Scheduler2 = 0x10,

    /// <summary><c>IP_VS_SVC_F_SCHED3</c>: free for schedulers; none of the kernel's uses it.</summary>
    Scheduler3 = 0x20,
}
