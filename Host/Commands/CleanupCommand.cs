using System.CommandLine;
using Microsoft.Extensions.DependencyInjection;
using ProxyFramework.Core;
using ProxyFramework.Core.Plugins;
using ProxyFramework.Host.CommandLine;

namespace ProxyFramework.Host.Commands;

/// <summary><c>svcproxy cleanup</c>: leaves the node as it was before any backend, or the one named, ran on it.</summary>
internal static class CleanupCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        var mode = Flag.Text(
            "--mode", "NAME", "The backend whose traces are removed; auto is all of them", ServiceProxyOptions.AutoMode, "--proxy-mode");
        var set = Flag.Settings();
        var plugins = new PluginFlags();
        var logging = new LoggingFlags();
        var command = new Command("cleanup", "Remove what backends left on this node; the proxy must not be running");
        command.AddFlags("Data path", mode, set);
        plugins.AddTo(command);
        logging.AddTo(command);
        command.SetAction((parsed, cancellation) => RunAsync(
            new RunSettings(options =>
            {
                options.Mode = parsed.GetValue(mode)!;
                plugins.Read(parsed, options);
            })
            {
                BackendSettings = Flag.ReadSettings(parsed.GetValue(set)),
                Logging = logging.Read(parsed),
            },
            cancellation));
        return command;
    }

    /// <summary>Cleans up, as <c>run --cleanup</c> does too, and says what became of each backend.</summary>
    /// <returns>The exit code: failure where one of them failed.</returns>
    public static async Task<int> RunAsync(RunSettings settings, CancellationToken cancellation)
    {
        var builder = ProxyHost.CreateBuilder(settings);
        ProxyHost.AddProxy(builder, settings);
        using var host = builder.Build();
        ProxyHost.RequireKnownSettings(settings, host.Services.GetRequiredService<PluginCatalog>());
        var outcomes = await host.Services.GetRequiredService<ProxyCleanup>().RunAsync(settings.Proxy.Mode, cancellation);
        foreach (var outcome in outcomes)
        {
            Console.Out.WriteLine(outcome.Status switch
            {
                CleanupStatus.Cleaned => $"{outcome.Backend}: cleaned up",
                CleanupStatus.NotSupported => $"{outcome.Backend}: not supported on this node, so nothing to clean up ({outcome.Message})",
                _ => $"{outcome.Backend}: failed: {outcome.Message}",
            });
        }

        if (outcomes.IsEmpty)
        {
            throw new ProxyStartException(ProxyExitCode.Plugin, "no backend was found, so nothing can be cleaned up: check --plugins-dir");
        }

        return (int)(outcomes.Any(outcome => outcome.Status == CleanupStatus.Failed) ? ProxyExitCode.Failure : ProxyExitCode.Success);
    }
}
