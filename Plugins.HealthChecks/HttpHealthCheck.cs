namespace ProxyFramework.Plugins.HealthChecks;

/// <summary><c>http</c>: asks for a page; <see cref="HttpProbe"/> has the options.</summary>
public sealed class HttpHealthCheck : IHealthCheck
{
    /// <inheritdoc/>
    public string Name => "http";

    /// <inheritdoc/>
    public TransportProtocol? Protocol => TransportProtocol.Tcp;

    /// <inheritdoc/>
    public IHealthProbe CreateProbe(HealthCheckContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return new HttpProbe("http", new OptionReader(context.Options, HttpProbe.Options));
    }
}
