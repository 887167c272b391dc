namespace ProxyFramework.Plugins.HealthChecks;

/// <summary>
/// <c>https</c>: asks for a page over TLS; <see cref="HttpProbe"/> has the options. The certificate is not verified, as the kubelet does not
/// (an endpoint is asked by its address, which certificates seldom name), unless with the option <c>verify</c>, against the name in <c>host</c>.
/// </summary>
public sealed class HttpsHealthCheck : IHealthCheck
{
    /// <inheritdoc/>
    public string Name => "https";

    /// <inheritdoc/>
    public TransportProtocol? Protocol => TransportProtocol.Tcp;

    /// <inheritdoc/>
    public IHealthProbe CreateProbe(HealthCheckContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return new HttpProbe("https", new OptionReader(context.Options, [.. HttpProbe.Options, "verify"]));
    }
}
