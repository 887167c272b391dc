namespace ProxyFramework.Core;

/// <summary>What an operator or an embedder can choose. Validated when the proxy starts; every problem is named, not just the first.</summary>
public sealed class ServiceProxyOptions
{
    /// <summary>The value of <see cref="Mode"/> that stands for the best backend that this node supports.</summary>
    public const string AutoMode = "auto";

    /// <summary>The backend's name, or <see cref="AutoMode"/>.</summary>
    public string Mode { get; set; } = AutoMode;

    /// <summary>This node's name (<c>--hostname-override</c>); the machine's host name, in lower case, unless set.</summary>
    public string NodeName { get; set; } = "";

    /// <summary>The zone of this node where no Node object tells it; null for none.</summary>
    public string? Zone { get; set; }

    /// <summary>
    /// Which of this machine's addresses serve node ports: CIDRs, <c>primary</c> (the Node object's first InternalIP of each family),
    /// <c>localhost</c> (the loopback addresses). Empty is every address that is neither loopback nor link-local.
    /// </summary>
    public IList<string> NodePortAddresses { get; } = [];

    /// <summary>How pods of this node are told from the rest (<c>--detect-local-mode</c>).</summary>
    public LocalPodDetectionMode DetectLocalMode { get; set; } = LocalPodDetectionMode.None;

    /// <summary>The pods' ranges for <see cref="LocalPodDetectionMode.ClusterCidr"/> (<c>--cluster-cidr</c>), one a family at most.</summary>
    public IList<string> ClusterCidr { get; } = [];

    /// <summary>The bridge for <see cref="LocalPodDetectionMode.BridgeInterface"/> (<c>--pod-bridge-interface</c>).</summary>
    public string PodBridgeInterface { get; set; } = "";

    /// <summary>The prefix for <see cref="LocalPodDetectionMode.InterfaceNamePrefix"/> (<c>--pod-interface-name-prefix</c>).</summary>
    public string PodInterfaceNamePrefix { get; set; } = "";

    /// <summary>Whether traffic to cluster IPs is always masqueraded (<c>--masquerade-all</c>).</summary>
    public bool MasqueradeAll { get; set; }

    /// <summary>Only Services whose label <c>service.kubernetes.io/service-proxy-name</c> has this value are proxied; null for those without it.</summary>
    public string? ServiceProxyName { get; set; }

    /// <summary>The scheduler for Services that ask for none; null for the backend's default.</summary>
    public string? DefaultScheduler { get; set; }

    /// <summary>For how long connections to endpoints that are gone may go on; infinite unless set.</summary>
    public TimeSpan DrainTimeout { get; set; } = Timeout.InfiniteTimeSpan;

    /// <summary>The time between the starts of two change sets at least, 0…1 hour; 10 ms unless set.</summary>
    public TimeSpan MinSyncPeriod { get; set; } = TimeSpan.FromMilliseconds(10);

    /// <summary>The time that a change may wait at most for others to join it, at least <see cref="MinSyncPeriod"/>; 1 s unless set.</summary>
    public TimeSpan MaxSyncDelay { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>The time between two full change sets when nothing else asks for one; 0 for never; 1 hour unless set.</summary>
    public TimeSpan SyncPeriod { get; set; } = TimeSpan.FromHours(1);

    /// <summary>How long one call of a backend may take before it counts as hung; 2 minutes unless set.</summary>
    public TimeSpan BackendTimeout { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>
    /// How long shutdown may take, 0…1 hour: half of it for calls of backend and sources that are under way, and what they leave for
    /// the end of the backend, connections that it lets go on included. What has not ended then is left behind. 3 s unless set.
    /// </summary>
    public TimeSpan ShutdownTimeout { get; set; } = TimeSpan.FromSeconds(3);

    /// <summary>Files and folders with manifests.</summary>
    public IList<string> Manifests { get; } = [];

    /// <summary>Folders with plugins, searched in this order.</summary>
    public IList<string> PluginDirectories { get; } = [];

    /// <summary>Whether plugins that others than their owner can write are loaded nevertheless.</summary>
    public bool AllowInsecurePlugins { get; set; }

    /// <summary>
    /// <see cref="NodeName"/>, or the machine's name in lower case, under which the kubelet registers a node, and so what its Node object is
    /// called.
    /// </summary>
    public string EffectiveNodeName()
    {
        var name = NodeName.Trim();
        return name.Length > 0 ? name : Environment.MachineName.ToLowerInvariant();
    }
}
