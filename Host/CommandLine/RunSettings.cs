using ProxyFramework.Core;
using ProxyFramework.Host.Node;
using ProxyFramework.Sources.Kubernetes;

namespace ProxyFramework.Host.CommandLine;

/// <summary>What the flags of one run say.</summary>
internal sealed class RunSettings
{
    /// <summary>Settings whose proxy options are set so.</summary>
    public RunSettings(Action<ServiceProxyOptions> configure)
    {
        Configure = configure;
        configure(Proxy);
    }

    /// <summary>Sets the proxy's own options.</summary>
    public Action<ServiceProxyOptions> Configure { get; }

    /// <summary>The proxy's own options, to be read only.</summary>
    public ServiceProxyOptions Proxy { get; } = new();

    /// <summary>Where the API server is; null where nothing is taken from one.</summary>
    public KubernetesSourceOptions? Kubernetes { get; init; }

    /// <summary>Where /healthz and /livez are served; null for nowhere.</summary>
    public BindAddress? HealthzAddress { get; init; }

    /// <summary>Where /metrics and /proxyMode are served; null for nowhere.</summary>
    public BindAddress? MetricsAddress { get; init; }

    /// <summary>Whether an address that cannot be bound ends the program.</summary>
    public bool BindAddressHardFail { get; init; }

    /// <summary>Settings of backends, <c>userspace:connect-timeout</c> → <c>2s</c>.</summary>
    public IReadOnlyList<KeyValuePair<string, string?>> BackendSettings { get; init; } = [];

    /// <summary>Whether to clean up and exit instead of running.</summary>
    public bool Cleanup { get; init; }

    /// <summary>Whether to set up the node and exit instead of running.</summary>
    public bool InitOnly { get; init; }

    /// <summary>What is set on the node.</summary>
    public NodeSettings Node { get; init; } = new();

    /// <summary>The configuration file that these settings are from; null where there is none.</summary>
    public string? ConfigurationFile { get; init; }

    /// <summary>What the configuration file says that makes no difference.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>How much is logged, and how.</summary>
    public required LoggingSettings Logging { get; init; }
}
