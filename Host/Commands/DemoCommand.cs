using System.CommandLine;
using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using ProxyFramework.Core;
using ProxyFramework.Core.Sync;
using ProxyFramework.Host.CommandLine;
using ProxyFramework.Host.Demo;

namespace ProxyFramework.Host.Commands;

/// <summary><c>svcproxy demo</c>: the proxy in userspace mode, unprivileged, with servers behind it and every request to be seen.</summary>
internal static class DemoCommand
{
    // The addresses in samples/quickstart/web.yaml: three in use, two to add.
    private static readonly IPEndPoint[] ServerAddresses = [.. Enumerable.Range(11, 5).Select(last => new IPEndPoint(IPAddress.Parse($"127.0.0.{last}"), 9376))];

    /// <summary>The command.</summary>
    public static Command Create()
    {
        var manifests = Flag.Text("--manifests", "PATH", "The folder to proxy and to edit [default: samples/quickstart beside the program]");
        var plugins = new PluginFlags();
        var logging = new LoggingFlags();
        var command = new Command("demo", "See it work: a service with three small servers behind it, until Ctrl-C");
        command.AddFlags("Services", manifests);
        plugins.AddTo(command);
        logging.AddTo(command);
        command.SetAction(async (parsed, cancellation) =>
        {
            using var folder = DemoManifests.Open(parsed.GetValue(manifests));
            var settings = new RunSettings(options =>
            {
                options.Mode = "userspace";
                options.Manifests.Add(folder.Path);
                plugins.Read(parsed, options);
            })
            { Logging = logging.Read(parsed) };
            return await RunAsync(settings, folder, cancellation);
        });
        return command;
    }

    private static async Task<int> RunAsync(RunSettings settings, DemoManifests folder, CancellationToken cancellation)
    {
        using var screen = new DemoScreen(Console.Out, isTerminal: !Console.IsOutputRedirected);
        var builder = ProxyHost.CreateBuilder(settings);

        // The screen tells what happens: the log only says what is wrong, unless more is asked for.
        var level = settings.Logging.Level == 0 ? LogLevel.Warning : settings.Logging.MinimumLevel;
        builder.Logging.AddFilter<Microsoft.Extensions.Logging.Console.ConsoleLoggerProvider>(null, level);
        if (settings.Logging.Level == 0)
        {
            // What userspace mode cannot do is true here as well, and beside the point of a demo.
            builder.Logging.AddFilter<Microsoft.Extensions.Logging.Console.ConsoleLoggerProvider>("ProxyFramework.Core.ServiceProxy", LogLevel.Error);
        }

        builder.Logging.AddFilter<TrafficView>(TrafficView.Category, LogLevel.Debug);
        builder.Services.AddSingleton<ILoggerProvider>(new TrafficView(screen));
        builder.Services.AddSingleton<ISyncObserver>(new EndpointView(screen));
        builder.Services.AddHostedService(provider => new DemoServers(ServerAddresses, screen, provider.GetRequiredService<ILoggerFactory>()));
        ProxyHost.AddProxy(builder, settings);
        builder.Services.AddHostedService(provider =>
            new DemoIntroduction(screen, provider.GetRequiredService<IServiceProxyState>(), folder.Path, ServerAddresses));
        return await ProxyHost.RunAsync(builder, settings, cancellation);
    }
}
