using System.Collections.Frozen;
using ProxyFramework.Core.Objects;
using ProxyFramework.Core.Sources;

namespace ProxyFramework.Core.View;

/// <summary>What the annotations <c>proxyframework.io/…</c> of a Service say. Immutable; most Services share <see cref="None"/>.</summary>
internal sealed class ServiceAnnotations
{
    private const string SchedulerName = "scheduler";
    private const string WeightsName = "weights";
    private const string HealthCheckName = "health-check";

    private ServiceAnnotations()
    {
    }

    /// <summary>There are none.</summary>
    public static ServiceAnnotations None { get; } = new();

    /// <summary>The scheduler asked for; null for the mode's default.</summary>
    public string? Scheduler { get; private init; }

    /// <summary>The weights given; null where every endpoint weighs the same.</summary>
    public EndpointWeights? Weights { get; private init; }

    /// <summary>The health check asked for; null for the operator's default.</summary>
    public string? HealthCheck { get; private init; }

    /// <summary>The rest, for the backend.</summary>
    public IReadOnlyDictionary<string, string> Options { get; private init; } = FrozenDictionary<string, string>.Empty;

    /// <summary>Reads the annotations of a Service; what cannot be read counts as absent and is reported.</summary>
    public static ServiceAnnotations Read(Service service, List<ObjectProblem> problems)
    {
        if (service.Annotations.IsEmpty)
        {
            return None;
        }

        string? scheduler = null;
        string? healthCheck = null;
        EndpointWeights? weights = null;
        Dictionary<string, string>? options = null;
        foreach (var (name, value) in service.Annotations)
        {
            void Refuse(string message) => problems.Add(
                new ObjectProblem("", $"Service {service.Name}", $"metadata.annotations['proxyframework.io/{name}']", message));

            switch (name)
            {
                case SchedulerName when string.IsNullOrWhiteSpace(value):
                    Refuse("is empty; give a scheduler's name, or leave the annotation out for the default");
                    break;
                case SchedulerName:
                    scheduler = value.Trim();
                    break;
                case WeightsName:
                    weights = EndpointWeights.Read(value, Refuse);
                    break;
                case HealthCheckName when string.IsNullOrWhiteSpace(value):
                    Refuse("is empty; give a health check's name, none, or leave the annotation out for the default");
                    break;
                case HealthCheckName:
                    healthCheck = value.Trim();
                    break;
                default:
                    (options ??= [])[name] = value;
                    break;
            }
        }

        return new ServiceAnnotations { Scheduler = scheduler, Weights = weights, HealthCheck = healthCheck, Options = options ?? None.Options };
    }
}
