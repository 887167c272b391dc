using Microsoft.Extensions.DependencyInjection;
using ProxyFramework.Core;

namespace ProxyFramework.Sources.Kubernetes;

/// <summary>The way into this source for a program that embeds the proxy.</summary>
public static class KubernetesSourceBuilderExtensions
{
    /// <summary>Takes services from a Kubernetes API server.</summary>
    public static IServiceProxyBuilder AddKubernetes(this IServiceProxyBuilder builder, KubernetesSourceOptions options)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(options);
        builder.Services.AddSingleton(options);
        return builder.AddSource<KubernetesSource>();
    }
}
