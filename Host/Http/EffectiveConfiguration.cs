using System.Text.Json.Nodes;
using ProxyFramework.Host.CommandLine;

namespace ProxyFramework.Host.Http;

/// <summary>The settings in force, by the names of their flags, as <c>/configz</c> shows them.</summary>
internal sealed class EffectiveConfiguration(RunSettings settings)
{
    /// <summary>The settings as JSON.</summary>
    /// <param name="mode">The backend in use; null before it is chosen.</param>
    public JsonObject ToJson(string? mode)
    {
        var options = settings.Proxy;
        return new JsonObject
        {
            ["svcproxy"] = new JsonObject
            {
                ["mode"] = options.Mode,
                ["mode-in-use"] = mode,
                ["kubeconfig"] = settings.Kubernetes is { } kubernetes ? kubernetes.Kubeconfig ?? "in-cluster" : null,
                ["master"] = settings.Kubernetes?.Master,
                ["manifests"] = Array(options.Manifests),
                ["hostname-override"] = options.NodeName,
                ["zone"] = options.Zone,
                ["nodeport-addresses"] = Array(options.NodePortAddresses),
                ["detect-local-mode"] = options.DetectLocalMode.ToString(),
                ["cluster-cidr"] = Array(options.ClusterCidr),
                ["pod-bridge-interface"] = options.PodBridgeInterface,
                ["pod-interface-name-prefix"] = options.PodInterfaceNamePrefix,
                ["masquerade-all"] = options.MasqueradeAll,
                ["scheduler"] = options.DefaultScheduler,
                ["service-proxy-name"] = options.ServiceProxyName,
                ["drain-timeout"] = GoDuration.Format(options.DrainTimeout),
                ["shutdown-timeout"] = GoDuration.Format(options.ShutdownTimeout),
                ["min-sync-period"] = GoDuration.Format(options.MinSyncPeriod),
                ["max-sync-delay"] = GoDuration.Format(options.MaxSyncDelay),
                ["sync-period"] = GoDuration.Format(options.SyncPeriod),
                ["backend-timeout"] = GoDuration.Format(options.BackendTimeout),
                ["healthz-bind-address"] = settings.HealthzAddress?.ToString() ?? "",
                ["metrics-bind-address"] = settings.MetricsAddress?.ToString() ?? "",
                ["bind-address-hard-fail"] = settings.BindAddressHardFail,
                ["plugins-dir"] = Array(options.PluginDirectories),
                ["allow-insecure-plugins"] = options.AllowInsecurePlugins,
                ["logging-format"] = settings.Logging.IsJson ? "json" : "text",
                ["v"] = settings.Logging.Level,
                ["set"] = new JsonObject(settings.BackendSettings.DistinctBy(pair => pair.Key).Select(pair => KeyValuePair.Create(pair.Key, (JsonNode?)pair.Value))),
            },
        };
    }

    private static JsonArray Array(IEnumerable<string> values) => new([.. values.Select(value => (JsonNode)value)]);
}
