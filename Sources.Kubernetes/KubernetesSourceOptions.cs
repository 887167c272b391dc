namespace ProxyFramework.Sources.Kubernetes;

/// <summary>Where the API server is, and what is wanted from it.</summary>
public sealed class KubernetesSourceOptions
{
    /// <summary>
    /// The kubeconfig file (<c>--kubeconfig</c>); null for the service account of the pod that this runs in, or, where
    /// <see cref="Master"/> is set, for no credentials.
    /// </summary>
    public string? Kubeconfig { get; set; }

    /// <summary>The API server's address, which overrides the kubeconfig's (<c>--master</c>); null unless set.</summary>
    public string? Master { get; set; }

    /// <summary>The name of this node's Node object.</summary>
    public string NodeName { get; set; } = "";

    /// <summary>The value of the label <c>service.kubernetes.io/service-proxy-name</c> of the Services wanted; null for those without it.</summary>
    public string? ServiceProxyName { get; set; }

    /// <summary>Whether the Node object is waited for until it has pod CIDRs, which detecting local pods by NodeCIDR needs.</summary>
    public bool NeedsPodCidrs { get; set; }

    /// <summary>How long the start waits for the Node object at most; 30 s unless set. Without it the start goes on, with a warning.</summary>
    public TimeSpan NodeTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long a connection may bring nothing before it counts as lost; 3 minutes unless set. An API server sends a bookmark about
    /// every minute, and resuming a watch costs next to nothing.
    /// </summary>
    public TimeSpan IdleTimeout { get; set; } = TimeSpan.FromMinutes(3);

    /// <summary>
    /// How long the answer to a request, and each part of a list, may take; and within how many seconds a connection that has been
    /// quiet must answer a ping (HTTP/2): 30 s unless set, as in client-go.
    /// </summary>
    public TimeSpan ResponseTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How many objects one page of a list has at most, 1 or more; 500 unless set, as in client-go.</summary>
    public int PageSize { get; set; } = 500;
}
