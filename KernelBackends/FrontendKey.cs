namespace ProxyFramework.KernelBackends;

/// <summary>
/// What the kernel looks a connection up by: <c>ip daddr . meta l4proto . th dport</c>, or for node ports, which are reached at
/// any of the node's addresses, <c>meta l4proto . th dport</c>.
/// </summary>
/// <param name="Address">The frontend's address; unspecified for node ports.</param>
/// <param name="Protocol">The transport protocol.</param>
/// <param name="Port">The frontend's port.</param>
public readonly record struct FrontendKey(InetAddress Address, TransportProtocol Protocol, ushort Port)
{
    /// <summary>The key of a service port's frontend.</summary>
    public static FrontendKey Of(ServicePort service, in Frontend frontend) => new(frontend.Address, service.Protocol, frontend.Port);
}
