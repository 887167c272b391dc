namespace ProxyFramework.Core.View;

/// <summary>What a frontend does with connections of each origin: traffic policies and source address.</summary>
internal readonly record struct FrontendRoutes(Route Outside, Route LocalPod, Route Node)
{
    /// <summary>The routes of a frontend.</summary>
    /// <param name="kind">Where its address comes from.</param>
    /// <param name="policy">The Service's internal policy for cluster IPs, its external one for all others.</param>
    /// <param name="masqueradeAll">Whether traffic to cluster IPs is always masqueraded.</param>
    /// <param name="detectsPods">Whether pods of this node can be told from the rest in this family.</param>
    public static FrontendRoutes Of(FrontendKind kind, TrafficPolicy policy, bool masqueradeAll, bool detectsPods)
    {
        if (kind == FrontendKind.ClusterIP)
        {
            // Where pods cannot be told from the rest, masquerading everything would hide every client: nothing is, as in kube-proxy.
            var fromElsewhere = new Route(policy, masqueradeAll || detectsPods);
            return new FrontendRoutes(fromElsewhere, new Route(policy, masqueradeAll), fromElsewhere);
        }

        if (policy == TrafficPolicy.Cluster)
        {
            var route = new Route(TrafficPolicy.Cluster, Masquerade: true);
            return new FrontendRoutes(route, route, route);
        }

        // From inside, an external address must never fail for want of local endpoints, as in kube-proxy.
        return new FrontendRoutes(
            Outside: new Route(TrafficPolicy.Local, Masquerade: false),
            LocalPod: new Route(TrafficPolicy.Cluster, masqueradeAll),
            Node: new Route(TrafficPolicy.Cluster, Masquerade: true));
    }

    /// <summary>Whether one of the origins uses this policy's group.</summary>
    public bool Use(TrafficPolicy policy) => Outside.Policy == policy || LocalPod.Policy == policy || Node.Policy == policy;
}
