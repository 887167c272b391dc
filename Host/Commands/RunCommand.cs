using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Prometheus;
using ProxyFramework.Core.Sync;
using ProxyFramework.Host.CommandLine;
using ProxyFramework.Host.Configuration;
using ProxyFramework.Host.Http;
using ProxyFramework.Host.Metrics;
using ProxyFramework.Host.Node;

namespace ProxyFramework.Host.Commands;

/// <summary><c>svcproxy run</c>: the proxy and its two HTTP servers, until it is asked to stop.</summary>
internal static class RunCommand
{
    /// <summary>Runs.</summary>
    /// <returns>The exit code.</returns>
    public static async Task<int> RunAsync(RunSettings settings, CancellationToken cancellation)
    {
        if (settings.Cleanup)
        {
            return await CleanupCommand.RunAsync(settings, cancellation);
        }

        var builder = ProxyHost.CreateBuilder(settings);
        builder.Services.AddSingleton<IHostedService>(provider => new NodePreparation(settings, provider.GetRequiredService<ILoggerFactory>()));
        if (settings.InitOnly)
        {
            using var host = builder.Build();
            await host.StartAsync(cancellation);
            return 0;
        }

        if (settings.ConfigurationFile is { } path)
        {
            builder.Services.AddSingleton<IHostedService>(provider => new ConfigurationWatch(
                path, provider.GetRequiredService<IHostApplicationLifetime>(), provider.GetRequiredService<ILogger<ConfigurationWatch>>()));
        }

        AddHttp(builder, settings);
        ProxyHost.AddProxy(builder, settings);
        return await ProxyHost.RunAsync(builder, settings, cancellation);
    }

    // Before the proxy, so that /healthz answers (that nothing is in force yet) while a slow backend starts.
    private static void AddHttp(HostApplicationBuilder builder, RunSettings settings)
    {
        var services = builder.Services;
        services.AddSingleton(settings);
        services.AddSingleton<EffectiveConfiguration>();
        services.AddSingleton(_ => Prometheus.Metrics.NewCustomRegistry());
        services.AddSingleton<ProxyMetrics>();
        services.AddSingleton<ISyncObserver>(provider => provider.GetRequiredService<ProxyMetrics>());
        services.AddSingleton<HealthPages>();
        services.AddSingleton<MetricsPages>();
        // AddHostedService would take the second of these for the first, since both are of one type.
        if (settings.HealthzAddress is { } healthz)
        {
            services.AddSingleton<IHostedService>(provider => new HttpService(
                "healthz",
                "--healthz-bind-address",
                healthz,
                settings.BindAddressHardFail,
                provider.GetRequiredService<HealthPages>().HandleAsync,
                provider.GetRequiredService<ILoggerFactory>(),
                provider.GetRequiredService<TimeProvider>()));
        }

        if (settings.MetricsAddress is { } metrics)
        {
            services.AddSingleton<IHostedService>(provider =>
            {
                RuntimeMeters.AddTo(provider.GetRequiredService<CollectorRegistry>());
                return new HttpService(
                    "metrics",
                    "--metrics-bind-address",
                    metrics,
                    settings.BindAddressHardFail,
                    provider.GetRequiredService<MetricsPages>().HandleAsync,
                    provider.GetRequiredService<ILoggerFactory>(),
                    provider.GetRequiredService<TimeProvider>());
            });
        }
    }
}
