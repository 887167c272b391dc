namespace ProxyFramework.Core.View;

/// <summary>What the <c>healthCheckNodePort</c> of a Service with <c>externalTrafficPolicy: Local</c> has to tell load balancers.</summary>
/// <param name="Service">The Service.</param>
/// <param name="Port">Its <c>spec.healthCheckNodePort</c>, 1…65535.</param>
/// <param name="LocalEndpoints">
/// The number of endpoints on this node that are ready and not terminating. A dual-stack pod counts once.
/// </param>
public sealed record ServiceHealth(NamespacedName Service, ushort Port, int LocalEndpoints);
