using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http;
using Prometheus;
using ProxyFramework.Core.Health;
using ProxyFramework.Host.Metrics;

namespace ProxyFramework.Host.Http;

/// <summary>
/// <c>/healthz</c> and <c>/livez</c> with the body of kube-proxy's. The first is for load balancers and also says whether this node
/// should get traffic (KEP-3836); the second is for the kubelet, which must not restart the proxy because the node goes away.
/// </summary>
internal sealed class HealthPages(ProxyHealth health, ProxyMetrics metrics)
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull };

    /// <summary>Answers a request.</summary>
    public Task HandleAsync(HttpContext context) => context.Request.Path.Value switch
    {
        "/healthz" => HealthzAsync(context),
        "/livez" => LivezAsync(context),
        _ => context.Response.NotFoundAsync("/healthz and /livez"),
    };

    /// <summary>Answers <c>/healthz</c>, which the metrics address has as well.</summary>
    public Task HealthzAsync(HttpContext context)
    {
        var report = health.Evaluate();
        return AnswerAsync(context, report, report.IsHealthy, report.IsNodeEligible, metrics.Healthz);
    }

    private Task LivezAsync(HttpContext context)
    {
        var report = health.Evaluate();
        return AnswerAsync(context, report, report.IsLive, nodeEligible: null, metrics.Livez);
    }

    private static Task AnswerAsync(HttpContext context, ProxyHealthReport report, bool isWell, bool? nodeEligible, Counter answers)
    {
        var response = context.Response;
        response.StatusCode = isWell ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
        answers.WithLabels(isWell ? "200" : "503").Inc();

        // One loop brings both families up to date, so both have the same state.
        var family = new FamilyStatus(report.LastUpdated, report.IsLive);
        var body = new Body(
            report.LastUpdated,
            report.CurrentTime,
            nodeEligible,
            new Dictionary<string, FamilyStatus> { ["IPv4"] = family, ["IPv6"] = family },
            isWell ? null : report.Reason);
        response.Headers.XContentTypeOptions = "nosniff";
        return response.WriteAsJsonAsync(body, Json, context.RequestAborted);
    }

    private sealed record Body(
        DateTimeOffset? LastUpdated, DateTimeOffset CurrentTime, bool? NodeEligible, Dictionary<string, FamilyStatus> Status, string? Reason);

    private sealed record FamilyStatus(DateTimeOffset? LastUpdated, bool Healthy);
}
