namespace ProxyFramework.Plugins.Schedulers;

/// <summary>
/// The flags of the kernel's <c>sh</c> and <c>mh</c> (<c>linux/ip_vs.h</c>). The fallback is always on: an endpoint that only drains has weight 0
/// in the kernel, and without it refuses the clients whose hash leads there.
/// </summary>
internal static class KernelHashFlags
{
    // IP_VS_SVC_F_SCHED_SH_FALLBACK, IP_VS_SVC_F_SCHED_MH_FALLBACK = IP_VS_SVC_F_SCHED1
    private const uint Fallback = 0x8;

    // IP_VS_SVC_F_SCHED_SH_PORT, IP_VS_SVC_F_SCHED_MH_PORT = IP_VS_SVC_F_SCHED2
    private const uint Port = 0x10;

    public static uint For(bool withPorts) => withPorts ? Fallback | Port : Fallback;
}
