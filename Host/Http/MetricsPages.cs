using System.Text.Json;
using Microsoft.AspNetCore.Http;
using ProxyFramework.Core;
using ProxyFramework.Host.Metrics;

namespace ProxyFramework.Host.Http;

/// <summary>What kube-proxy serves at its metrics address: <c>/metrics</c>, <c>/proxyMode</c>, <c>/healthz</c>, <c>/configz</c>.</summary>
internal sealed class MetricsPages(ProxyMetrics metrics, HealthPages health, IServiceProxyState state, EffectiveConfiguration configuration)
{
    /// <summary>Answers a request.</summary>
    public Task HandleAsync(HttpContext context) => context.Request.Path.Value switch
    {
        "/metrics" => MetricsAsync(context),
        "/proxyMode" => context.Response.PlainAsync(state.Mode ?? "", context.RequestAborted),
        "/healthz" => health.HealthzAsync(context),
        "/configz" => context.Response.WriteAsJsonAsync(configuration.ToJson(state.Mode), (JsonSerializerOptions?)null, context.RequestAborted),
        _ => context.Response.NotFoundAsync("/metrics, /proxyMode, /healthz and /configz"),
    };

    private async Task MetricsAsync(HttpContext context)
    {
        metrics.Update(state.Sync, state.ServicePortCount);
        context.Response.ContentType = "text/plain; version=0.0.4; charset=utf-8";

        // Gathered first: a metric that cannot be read must be an error and not half of an answer.
        using var text = new MemoryStream();
        await metrics.Registry.CollectAndExportAsTextAsync(text, context.RequestAborted);
        context.Response.ContentLength = text.Length;
        text.Position = 0;
        await text.CopyToAsync(context.Response.Body, context.RequestAborted);
    }
}
