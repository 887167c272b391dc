namespace ProxyFramework.Core.View;

/// <summary>How a Service's <c>healthCheckNodePort</c> answer changed. At least one of the two is set.</summary>
/// <param name="Before">What it was; null where there was none.</param>
/// <param name="After">What it is now; null where there is none any more.</param>
public readonly record struct ServiceHealthChange(ServiceHealth? Before, ServiceHealth? After)
{
    /// <summary>Which Service.</summary>
    public NamespacedName Service =>
        (After ?? Before ?? throw new InvalidOperationException("a change has a before or an after")).Service;
}
