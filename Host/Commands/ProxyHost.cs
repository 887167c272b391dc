using System.Runtime.InteropServices;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using ProxyFramework.Core;
using ProxyFramework.Core.Plugins;
using ProxyFramework.Host.CommandLine;
using ProxyFramework.Host.Logging;
using ProxyFramework.Sources.Kubernetes;

namespace ProxyFramework.Host.Commands;

/// <summary>The generic host that commands with a proxy share: configuration, log, signals and exit code.</summary>
internal static partial class ProxyHost
{
    /// <summary>
    /// What is left to the rest of the program (HTTP servers, log, plugins' contexts) after the proxy has ended: with the default
    /// timeout of 3 s, the process is gone half a second before the 5 s that are promised.
    /// </summary>
    private static readonly TimeSpan Rest = TimeSpan.FromMilliseconds(1500);

    /// <summary>A host with logging and configuration, and nothing that reads files or variables that the operator did not name.</summary>
    public static HostApplicationBuilder CreateBuilder(RunSettings settings)
    {
        var builder = Microsoft.Extensions.Hosting.Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Configuration.AddInMemoryCollection(settings.BackendSettings.GroupBy(pair => pair.Key).Select(group => group.Last()));
        builder.Logging.AddStandardError(settings.Logging, builder.Configuration);
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = settings.Proxy.ShutdownTimeout + (Rest / 2));
        return builder;
    }

    /// <summary>Adds the proxy with the options of the flags.</summary>
    public static IServiceProxyBuilder AddProxy(HostApplicationBuilder builder, RunSettings settings)
    {
        var proxy = builder.Services.AddServiceProxy(settings.Configure);
        if (settings.Kubernetes is { } kubernetes)
        {
            var options = settings.Proxy;
            kubernetes.NodeName = options.EffectiveNodeName();
            kubernetes.ServiceProxyName = options.ServiceProxyName;
            kubernetes.NeedsPodCidrs = options.DetectLocalMode == LocalPodDetectionMode.NodeCidr;
            proxy.AddKubernetes(kubernetes);
        }

        return proxy;
    }

    /// <summary>Runs until SIGTERM, SIGINT or a failure.</summary>
    /// <returns>The exit code.</returns>
    /// <exception cref="ProxyStartException">It cannot run.</exception>
    public static async Task<int> RunAsync(HostApplicationBuilder builder, RunSettings settings, CancellationToken cancellation)
    {
        using var host = builder.Build();
        RequireKnownSettings(settings, host.Services.GetRequiredService<PluginCatalog>());
        var lifetime = host.Services.GetRequiredService<IHostApplicationLifetime>();
        lifetime.ApplicationStopping.Register(() => EndAtTheLatest(settings.Proxy.ShutdownTimeout + Rest));
        try
        {
            await host.StartAsync(cancellation);
            await host.WaitForShutdownAsync(cancellation);

            // A proxy that failed has stopped the host; it must not look like an end that was asked for.
            var tasks = host.Services.GetServices<IHostedService>().OfType<BackgroundService>().Select(service => service.ExecuteTask);
            foreach (var failed in tasks.OfType<Task>().Where(task => task.IsFaulted))
            {
                await failed;
            }

            return (int)ProxyExitCode.Success;
        }
        catch (OperationCanceledException) when (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            // Asked to stop before it had started: what has started has to end.
            await host.StopAsync(CancellationToken.None);
            return (int)ProxyExitCode.Success;
        }
        catch (Exception error) when (error is not ProxyStartException)
        {
            throw Explain(error, settings.Logging);
        }
    }

    /// <summary>Settings of a backend that does not exist would be ignored; the backend itself judges the names within its section.</summary>
    public static void RequireKnownSettings(RunSettings settings, PluginCatalog catalog)
    {
        var unknown = settings.BackendSettings
            .Where(pair => pair.Key.Split(':')[0] is var section && section != "Logging" && !catalog.Backends.ContainsKey(section))
            .Select(pair => pair.Key)
            .ToList();
        if (unknown.Count > 0)
        {
            throw new ProxyStartException(
                ProxyExitCode.Usage,
                $"--set: {string.Join(", ", unknown)} belongs to no backend that is loaded; expected BACKEND:SETTING=VALUE, where BACKEND is one of "
                + string.Join(", ", catalog.Backends.Keys.Order(StringComparer.Ordinal)));
        }
    }

    private static ProxyStartException Explain(Exception error, LoggingSettings logging) => error switch
    {
        OptionsValidationException wrong => new ProxyStartException(ProxyExitCode.Usage, string.Join("; ", wrong.Failures), wrong),
        _ => new ProxyStartException(
            ProxyExitCode.Failure,
            $"unexpected failure: {error.GetType().Name}: {error.Message}" + (logging.ShowsStackTraces ? $"\n{error}" : " (-v 4 shows where)"),
            error),
    };

    // A plugin that blocks a thread can hold up an orderly end; what is in force stays in force either way. Environment.Exit would
    // run handlers of plugins, which may block as well, and wait where it is under way already.
    private static void EndAtTheLatest(TimeSpan limit)
    {
        var watchdog = new Thread(() =>
        {
            Thread.Sleep(limit);
            Console.Error.WriteLine($"svcproxy: the end took longer than {GoDuration.Format(limit)}; leaving at once");
            ExitAtOnce((int)ProxyExitCode.Failure);
        })
        { IsBackground = true, Name = "end at the latest" };
        watchdog.Start();
    }

    [LibraryImport("libc", EntryPoint = "_exit")]
    private static partial void ExitAtOnce(int status);
}
