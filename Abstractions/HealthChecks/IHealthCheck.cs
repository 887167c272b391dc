using Microsoft.Extensions.Configuration;

namespace ProxyFramework;

/// <summary>
/// A way to ask an endpoint whether it works. The framework decides when to ask and what follows from the answers (intervals, thresholds,
/// slow start); verdicts take endpoints away in every mode, and never bring one back that Kubernetes says is not ready.
/// </summary>
public interface IHealthCheck
{
    /// <summary>What a Service selects by the annotation <c>proxyframework.io/health-check</c>: <c>tcp</c>, <c>http</c>.</summary>
    string Name { get; }

    /// <summary>The protocol of the ports that it can ask at; null where it can at any, or asks otherwise.</summary>
    TransportProtocol? Protocol { get; }

    /// <summary>A probe for the endpoints of one service port.</summary>
    /// <exception cref="ArgumentException">An option is not known or out of range; the message, for the operator, says which.</exception>
    IHealthProbe CreateProbe(HealthCheckContext context);
}

/// <summary>What a probe is made from.</summary>
public sealed class HealthCheckContext
{
    /// <summary>The options of the Service's choice, <c>http; path=/healthz</c>, without those of the framework. Whoever may write Services wrote them.</summary>
    public required IReadOnlyDictionary<string, string> Options { get; init; }

    /// <summary>The operator's settings of this check: the configuration section <c>health-checks:NAME</c>.</summary>
    public required IConfiguration Settings { get; init; }
}

/// <summary>
/// Asks endpoints. Called for many at once, from any thread. One that holds resources implements <see cref="IDisposable"/>, and is disposed when
/// nobody is to be asked any more; what it is asking then may fail.
/// </summary>
public interface IHealthProbe
{
    /// <summary>Asks once. It must end when it is cancelled, which happens when the time is up.</summary>
    /// <exception cref="Exception">As good as <see cref="ProbeResult.Unhealthy"/> with the message.</exception>
    ValueTask<ProbeResult> ProbeAsync(InetAddress address, ushort port, CancellationToken cancellationToken);
}

/// <summary>One answer.</summary>
/// <param name="IsHealthy">Whether the endpoint works.</param>
/// <param name="Reason">Why not, for the log; empty where it works.</param>
public readonly record struct ProbeResult(bool IsHealthy, string Reason)
{
    /// <summary>It works.</summary>
    public static ProbeResult Healthy { get; } = new(true, "");

    /// <summary>It does not.</summary>
    public static ProbeResult Unhealthy(string reason) => new(false, reason);
}
