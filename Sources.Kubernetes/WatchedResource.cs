using System.Text;

namespace ProxyFramework.Sources.Kubernetes;

/// <summary>One of the collections that are listed and watched.</summary>
/// <param name="Name">For messages and metrics: <c>services</c>.</param>
/// <param name="Path">The collection's path at the API server.</param>
/// <param name="Selector">The query that restricts it, encoded.</param>
/// <param name="ApiVersion"><c>apiVersion</c> of its objects, which items of a list do not say.</param>
/// <param name="Kind"><c>kind</c> of its objects.</param>
internal sealed record WatchedResource(string Name, string Path, string Selector, string ApiVersion, string Kind)
{
    private const string ProxyNameLabel = "service.kubernetes.io/service-proxy-name";
    private const string HeadlessLabel = "service.kubernetes.io/headless";

    /// <summary>The Services that this proxy is to serve.</summary>
    public static WatchedResource Services(string? proxyName) => new(
        "services", "/api/v1/services", Labels(proxyName is null ? $"!{ProxyNameLabel}" : $"{ProxyNameLabel}={proxyName}"), "v1", "Service");

    /// <summary>The EndpointSlices that can belong to them. The slices of a Service carry its labels, unless someone else makes them.</summary>
    public static WatchedResource EndpointSlices(string? proxyName) => new(
        "endpointslices",
        "/apis/discovery.k8s.io/v1/endpointslices",
        Labels(proxyName is null ? $"!{HeadlessLabel},!{ProxyNameLabel}" : $"!{HeadlessLabel}"),
        "discovery.k8s.io/v1",
        "EndpointSlice");

    /// <summary>This node's Node.</summary>
    public static WatchedResource Node(string name) =>
        new("nodes", "/api/v1/nodes", "fieldSelector=" + Uri.EscapeDataString($"metadata.name={name}"), "v1", "Node");

    /// <summary>The URL of a request, relative to the API server's.</summary>
    public string Url(params ReadOnlySpan<(string Name, string Value)> query)
    {
        var url = new StringBuilder(Path).Append('?').Append(Selector);
        foreach (var (name, value) in query)
        {
            url.Append('&').Append(name).Append('=').Append(Uri.EscapeDataString(value));
        }

        return url.ToString();
    }

    /// <summary>The name of an object of this kind in messages: <c>Service default/web</c>.</summary>
    public string Describe(NamespacedName name) => name.Namespace.Length == 0 ? $"{Kind} {name.Name}" : $"{Kind} {name}";

    private static string Labels(string selector) => "labelSelector=" + Uri.EscapeDataString(selector);
}
