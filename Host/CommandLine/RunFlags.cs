using System.CommandLine;
using System.Net;
using ProxyFramework.Core;
using ProxyFramework.Sources.Kubernetes;

namespace ProxyFramework.Host.CommandLine;

/// <summary>The flags of <c>svcproxy run</c>, with kube-proxy's names and defaults where it has them.</summary>
/// <param name="notes">What a configuration file says that makes no difference, to be logged.</param>
internal sealed class RunFlags(IReadOnlyList<string>? notes = null)
{
    /// <summary>What <c>--kubeconfig</c> says for the pod's service account.</summary>
    private const string InCluster = "in-cluster";

    private static readonly ServiceProxyOptions Defaults = new();
    private static readonly BindAddress DefaultHealthz = new(IPAddress.Any, 10256);
    private static readonly BindAddress DefaultMetrics = new(IPAddress.Loopback, 10249);
    private static readonly TimeSpan OneHour = TimeSpan.FromHours(1);

    // A timer takes no more than 49 days.
    private static readonly TimeSpan Longest = TimeSpan.FromDays(45);

    private readonly Option<string?> _mode = Flag.Text(
        "--mode", "NAME", "The backend that programs the node; auto is the best that this node supports", ServiceProxyOptions.AutoMode, "--proxy-mode");

    private readonly Option<string[]> _manifests = Flag.Paths(
        "--manifests", "File or folder with Services, EndpointSlices and Nodes as YAML or JSON, watched for changes; repeatable");

    private readonly Option<string?> _kubeconfig = Flag.Text(
        "--kubeconfig",
        "FILE",
        "How to reach the API server that has the Services; in-cluster for the pod's service account [default: that, in a pod and without --manifests]");

    private readonly Option<string?> _master = Flag.Text("--master", "URL", "The API server's address, instead of the kubeconfig's");

    private readonly Option<string?> _hostnameOverride = Flag.Text(
        "--hostname-override", "NAME", "This node's name [default: the host name in lower case]");

    private readonly Option<string?> _zone = Flag.Text("--zone", "NAME", "This node's zone where no Node object tells it");

    private readonly Option<string[]> _nodePortAddresses = Flag.List(
        "--nodeport-addresses",
        "CIDR|primary|localhost,…",
        "The addresses that serve node ports [default: all that are neither loopback nor link-local]",
        text => text is "primary" or "localhost" || InetPrefix.TryParse(text, out _),
        "CIDRs such as 192.0.2.0/24, primary or localhost, separated by commas");

    private readonly Option<LocalPodDetectionMode?> _detectLocalMode = Flag.OneOf<LocalPodDetectionMode?>(
        "--detect-local-mode",
        "How pods of this node are told from the rest [default: ClusterCIDR if --cluster-cidr is given]",
        null,
        ("ClusterCIDR", LocalPodDetectionMode.ClusterCidr),
        ("NodeCIDR", LocalPodDetectionMode.NodeCidr),
        ("BridgeInterface", LocalPodDetectionMode.BridgeInterface),
        ("InterfaceNamePrefix", LocalPodDetectionMode.InterfaceNamePrefix));

    private readonly Option<string[]> _clusterCidr = Flag.List(
        "--cluster-cidr",
        "CIDR,…",
        "The pods' ranges for ClusterCIDR, one of each family at most",
        text => InetPrefix.TryParse(text, out _),
        "a CIDR such as 10.244.0.0/16, or one of each family separated by a comma");

    private readonly Option<string?> _podBridgeInterface = Flag.Text("--pod-bridge-interface", "NAME", "The bridge for BridgeInterface");

    private readonly Option<string?> _podInterfaceNamePrefix = Flag.Text(
        "--pod-interface-name-prefix", "PREFIX", "The start of the interfaces' names for InterfaceNamePrefix");

    private readonly Option<bool> _masqueradeAll = Flag.Switch("--masquerade-all", "Masquerade all traffic to cluster IPs");

    private readonly Option<string?> _scheduler = Flag.Text(
        "--scheduler", "NAME", "The scheduler for Services that ask for none [default: the backend's]");

    private readonly Option<string?> _serviceProxyName = Flag.Text(
        "--service-proxy-name", "NAME", "Proxy only Services whose label service.kubernetes.io/service-proxy-name has this value");

    private readonly Option<TimeSpan?> _drainTimeout = Flag.Duration(
        "--drain-timeout", "For how long connections to endpoints that are gone may go on", Defaults.DrainTimeout, TimeSpan.Zero, Longest, canBeInfinite: true);

    private readonly Option<TimeSpan?> _shutdownTimeout = Flag.Duration(
        "--shutdown-timeout", "How long the end may take when the program is stopped, connections that the backend lets go on included", Defaults.ShutdownTimeout, TimeSpan.Zero, OneHour);

    private readonly Option<TimeSpan?> _minSyncPeriod = Flag.Duration(
        "--min-sync-period", "The time between two synchronisations at least", Defaults.MinSyncPeriod, TimeSpan.Zero, OneHour);

    private readonly Option<TimeSpan?> _maxSyncDelay = Flag.Duration(
        "--max-sync-delay", "The time that a change may wait at most for others to join it", Defaults.MaxSyncDelay, TimeSpan.Zero, OneHour);

    private readonly Option<TimeSpan?> _syncPeriod = Flag.Duration(
        "--sync-period", "The time between two full synchronisations when nothing else asks for one; 0 for never", Defaults.SyncPeriod, TimeSpan.Zero, Longest);

    private readonly Option<TimeSpan?> _backendTimeout = Flag.Duration(
        "--backend-timeout", "How long one call of the backend may take before it counts as hung", Defaults.BackendTimeout, TimeSpan.FromSeconds(1), Longest);

    private readonly Option<BindAddress?> _healthz = Flag.Address(
        "--healthz-bind-address", "Where /healthz and /livez are served; empty for nowhere", DefaultHealthz);

    private readonly Option<BindAddress?> _metrics = Flag.Address(
        "--metrics-bind-address", "Where /metrics and /proxyMode are served; empty for nowhere", DefaultMetrics);

    private readonly Option<bool> _bindAddressHardFail = Flag.Switch(
        "--bind-address-hard-fail", "Exit when one of these two addresses cannot be bound, instead of trying again");

    private readonly Option<string[]> _set = Flag.Settings();

    private readonly Option<bool> _initOnly = Flag.Switch("--init-only", "Set what the flags under Kernel say, and exit: for an init container that may");

    private readonly Option<bool> _cleanup = Flag.Switch("--cleanup", "Remove what was left on the node, as svcproxy cleanup does, and exit");

    /// <summary>A file with a KubeProxyConfiguration. Whoever parses puts its flags before the others.</summary>
    public Option<string?> Config { get; } = Flag.Text(
        "--config", "FILE", "A KubeProxyConfiguration of kube-proxy; the program ends when it changes. Flags go before what it says");

    /// <summary>What is set on the node.</summary>
    public NodeFlags Node { get; } = new();

    /// <summary>Where plugins are found.</summary>
    public PluginFlags Plugins { get; } = new();

    /// <summary>How much is logged, and how.</summary>
    public LoggingFlags Logging { get; } = new();

    /// <summary>What <c>--mode</c> says.</summary>
    public Option<string?> Mode => _mode;

    /// <summary>Gives the flags to a command.</summary>
    public void AddTo(Command command)
    {
        command.AddFlags("Services", Config, _kubeconfig, _master, _manifests, _serviceProxyName);
        command.AddFlags("This node", _hostnameOverride, _zone, _nodePortAddresses, _detectLocalMode, _clusterCidr, _podBridgeInterface, _podInterfaceNamePrefix);
        command.AddFlags("Data path", _mode, _scheduler, _masqueradeAll, _drainTimeout, _set, _cleanup, _initOnly);
        command.AddFlags("Timing", _minSyncPeriod, _maxSyncDelay, _syncPeriod, _backendTimeout, _shutdownTimeout);
        command.AddFlags("HTTP", _healthz, _metrics, _bindAddressHardFail);
        Node.AddTo(command);
        Plugins.AddTo(command);
        Logging.AddTo(command);
        RefusedFlags.AddTo(command);
    }

    /// <summary>Reads the flags together. The parse result has no errors of its own.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="problems">What does not fit together; the settings are not to be used when there is one.</param>
    public RunSettings Read(ParseResult parsed, out IReadOnlyList<string> problems)
    {
        var found = new List<string>();
        var kubernetes = ReadKubernetes(parsed);
        var node = Node.Read(parsed);
        var settings = new RunSettings(options => Configure(parsed, options))
        {
            HealthzAddress = Flag.ReadAddress(parsed, _healthz, DefaultHealthz),
            MetricsAddress = Flag.ReadAddress(parsed, _metrics, DefaultMetrics),
            BindAddressHardFail = parsed.GetValue(_bindAddressHardFail),
            BackendSettings = Flag.ReadSettings(parsed.GetValue(_set)),
            Cleanup = parsed.GetValue(_cleanup),
            InitOnly = parsed.GetValue(_initOnly),
            ConfigurationFile = parsed.GetValue(Config),
            Notes = notes ?? [],
            Kubernetes = kubernetes,
            Node = kubernetes is null ? node : node.WithDefaults(),
            Logging = Logging.Read(parsed),
        };
        var options = settings.Proxy;
        CheckLocalPodDetection(options, found);
        if (options.MaxSyncDelay < options.MinSyncPeriod)
        {
            found.Add($"--max-sync-delay: {GoDuration.Format(options.MaxSyncDelay)} is shorter than --min-sync-period "
                + $"({GoDuration.Format(options.MinSyncPeriod)}); make it at least as long");
        }

        if (options.Manifests.Count == 0 && settings.Kubernetes is null && !settings.Cleanup && !settings.InitOnly)
        {
            found.Add("there is nothing to proxy: say where the Services are with --kubeconfig FILE or --manifests PATH, or see it work with 'svcproxy demo'");
        }

        problems = found;
        return settings;
    }

    // As kube-proxy does, the service account is used where nothing else is said; only that here, something else can be.
    private KubernetesSourceOptions? ReadKubernetes(ParseResult parsed)
    {
        var (kubeconfig, master) = (parsed.GetValue(_kubeconfig), parsed.GetValue(_master));
        var isInCluster = kubeconfig == InCluster || (kubeconfig is null && master is null && IsInPod && parsed.GetValue(_manifests) is null or []);
        return kubeconfig is null && master is null && !isInCluster
            ? null
            : new KubernetesSourceOptions { Kubeconfig = isInCluster ? null : kubeconfig, Master = master };
    }

    private void Configure(ParseResult parsed, ServiceProxyOptions options)
    {
        options.Mode = parsed.GetValue(_mode)!;
        options.NodeName = parsed.GetValue(_hostnameOverride)?.Trim().ToLowerInvariant() ?? options.NodeName;
        options.Zone = parsed.GetValue(_zone);
        Fill(options.NodePortAddresses, parsed.GetValue(_nodePortAddresses));
        Fill(options.Manifests, parsed.GetValue(_manifests));
        options.MasqueradeAll = parsed.GetValue(_masqueradeAll);
        options.DefaultScheduler = parsed.GetValue(_scheduler);
        options.ServiceProxyName = parsed.GetValue(_serviceProxyName);
        options.DrainTimeout = parsed.GetValue(_drainTimeout) ?? options.DrainTimeout;
        options.MinSyncPeriod = parsed.GetValue(_minSyncPeriod) ?? options.MinSyncPeriod;
        options.MaxSyncDelay = parsed.GetValue(_maxSyncDelay) ?? options.MaxSyncDelay;
        options.SyncPeriod = parsed.GetValue(_syncPeriod) ?? options.SyncPeriod;
        options.BackendTimeout = parsed.GetValue(_backendTimeout) ?? options.BackendTimeout;
        options.ShutdownTimeout = parsed.GetValue(_shutdownTimeout) ?? options.ShutdownTimeout;
        Plugins.Read(parsed, options);
        Fill(options.ClusterCidr, parsed.GetValue(_clusterCidr));
        options.PodBridgeInterface = parsed.GetValue(_podBridgeInterface) ?? "";
        options.PodInterfaceNamePrefix = parsed.GetValue(_podInterfaceNamePrefix) ?? "";
        options.DetectLocalMode = parsed.GetValue(_detectLocalMode)
            ?? (options.ClusterCidr.Count > 0 ? LocalPodDetectionMode.ClusterCidr : LocalPodDetectionMode.None);
    }

    private static void CheckLocalPodDetection(ServiceProxyOptions options, List<string> problems)
    {
        foreach (var family in options.ClusterCidr.GroupBy(text => InetPrefix.Parse(text).Family).Where(family => family.Count() > 1))
        {
            problems.Add($"--cluster-cidr: {string.Join(", ", family)} are all {family.Key}; expected one range of each family at most");
        }

        // A flag without the mode that reads it would do nothing: say so instead.
        Need("--cluster-cidr", options.ClusterCidr.Count > 0, "ClusterCIDR", LocalPodDetectionMode.ClusterCidr);
        Need("--pod-bridge-interface", options.PodBridgeInterface.Length > 0, "BridgeInterface", LocalPodDetectionMode.BridgeInterface);
        Need(
            "--pod-interface-name-prefix",
            options.PodInterfaceNamePrefix.Length > 0,
            "InterfaceNamePrefix",
            LocalPodDetectionMode.InterfaceNamePrefix);

        void Need(string flag, bool isGiven, string modeName, LocalPodDetectionMode mode)
        {
            if (isGiven && options.DetectLocalMode != mode)
            {
                problems.Add($"{flag} has a meaning only with --detect-local-mode={modeName}; set that, or leave it out");
            }
            else if (!isGiven && options.DetectLocalMode == mode)
            {
                problems.Add($"--detect-local-mode={modeName} needs {flag}");
            }
        }
    }

    private static bool IsInPod => !string.IsNullOrEmpty(Environment.GetEnvironmentVariable("KUBERNETES_SERVICE_HOST"));

    private static void Fill(IList<string> list, string[]? values)
    {
        foreach (var value in values ?? [])
        {
            list.Add(value);
        }
    }
}
