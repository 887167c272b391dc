namespace ProxyFramework.Backends.Userspace;

/// <summary>
/// What one frontend needs of the kernel. Where all connections are to be rejected it is no socket at all: the kernel itself then
/// answers with a TCP reset or an ICMP port unreachable, as it does for any closed port.
/// </summary>
/// <param name="Listens">Whether a socket is bound.</param>
/// <param name="Filter">What the socket must not see; null for nothing.</param>
/// <param name="DependsOnOrigin">Whether connections must be told apart by where they start.</param>
internal readonly record struct ListenPlan(bool Listens, SocketFilter? Filter, bool DependsOnOrigin)
{
    public static ListenPlan For(ServicePort service, Frontend frontend, InetAddress address, NodeOrigins origins)
    {
        var node = service.GroupFor(frontend.Node.Policy);
        if (address.IsLoopback)
        {
            // Nothing but the node itself reaches a loopback address (without route_localnet, which is never set by default).
            return new ListenPlan(node.Verdict != Verdict.Reject, FilterFor(service, frontend, origins, node, node, node), false);
        }

        var outside = service.GroupFor(frontend.Outside.Policy);
        var pod = origins.Node.LocalPods.Mode == LocalPodDetectionMode.None ? outside : service.GroupFor(frontend.LocalPod.Policy);
        var listens = outside.Verdict != Verdict.Reject || pod.Verdict != Verdict.Reject || node.Verdict != Verdict.Reject;
        return new ListenPlan(listens, FilterFor(service, frontend, origins, outside, pod, node), !(outside.Equals(pod) && outside.Equals(node)));
    }

    private static SocketFilter? FilterFor(
        ServicePort service, Frontend frontend, NodeOrigins origins, EndpointGroup outside, EndpointGroup pod, EndpointGroup node) =>
        SocketFilter.Build(new AdmissionRule(
            service.Family, outside.Verdict != Verdict.Drop, pod.Verdict != Verdict.Drop, node.Verdict != Verdict.Drop)
        {
            SourceRanges = frontend.SourceRanges,
            LocalPodRanges = origins.PodRanges,
            LocalPodInterfaces = origins.PodInterfaces,
        });
}
