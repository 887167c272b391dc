using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using ProxyFramework.Core.Health;
using ProxyFramework.Core.Plugins;

namespace ProxyFramework.Core;

/// <summary>The way into the framework for a program with a generic host.</summary>
public static class ServiceProxyServiceCollectionExtensions
{
    /// <summary>
    /// Adds a service proxy that runs with the host. Readable while it runs: <see cref="IServiceProxyState"/>, <see cref="ProxyHealth"/>,
    /// <see cref="PluginCatalog"/>. Each registered <see cref="Sync.ISyncObserver"/> is told what it does.
    /// </summary>
    /// <remarks>
    /// Wrong options end the start with an <see cref="OptionsValidationException"/> that names them all; everything else that prevents
    /// it with a <see cref="ProxyStartException"/>.
    /// </remarks>
    public static IServiceProxyBuilder AddServiceProxy(this IServiceCollection services, Action<ServiceProxyOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.AddOptions<ServiceProxyOptions>().Configure(configure).ValidateOnStart();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<ServiceProxyOptions>, ServiceProxyOptionsValidator>());
        services.AddLogging();
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<IInterfaceAddresses, MachineAddresses>();
        services.TryAddSingleton(CreateCatalog);
        services.TryAddSingleton(provider => provider.GetRequiredService<PluginCatalog>().Schedulers);
        services.TryAddSingleton<BackendSelection>();
        services.TryAddSingleton<ServiceProxy>();
        services.TryAddSingleton<IServiceProxyState>(provider => provider.GetRequiredService<ServiceProxy>());
        services.TryAddSingleton<ProxyHealth>();
        services.TryAddSingleton<HealthCheckNodePortServers>();
        services.TryAddSingleton<ProxyCleanup>();
        services.AddHostedService(provider => provider.GetRequiredService<ServiceProxy>());
        return new Builder(services);
    }

    private static PluginCatalog CreateCatalog(IServiceProvider provider)
    {
        var options = provider.GetRequiredService<IOptions<ServiceProxyOptions>>().Value;
        return new PluginCatalog(
            new PluginCatalogOptions { Directories = [.. options.PluginDirectories], AllowInsecure = options.AllowInsecurePlugins },
            provider.GetServices<IBackend>(),
            provider.GetServices<IScheduler>(),
            provider.GetServices<IHealthCheck>(),
            provider.GetRequiredService<ILoggerFactory>(),
            provider.GetRequiredService<TimeProvider>());
    }

    private sealed class Builder(IServiceCollection services) : IServiceProxyBuilder
    {
        public IServiceCollection Services { get; } = services;
    }
}
