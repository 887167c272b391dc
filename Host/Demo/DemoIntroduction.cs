using System.Net;
using Microsoft.Extensions.Hosting;
using ProxyFramework.Core;

namespace ProxyFramework.Host.Demo;

/// <summary>Says what to try, once everything is in force.</summary>
internal sealed class DemoIntroduction(
    DemoScreen screen, IServiceProxyState state, string manifests, IReadOnlyList<IPEndPoint> servers) : BackgroundService
{
    /// <summary>So many services are named: there may be thousands in a folder that the viewer brought.</summary>
    private const int MaxNamed = 5;

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!state.Sync.HasSynced && state.Sync.LastError is null)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20), stoppingToken);
        }

        var services = state.SnapshotServicePorts();
        screen.Introduce();
        screen.Introduce("svcproxy", $"in {state.Mode} mode; no privileges needed");
        screen.Introduce();
        var heading = "try it";
        foreach (var frontend in services.SelectMany(service => service.Frontends).Where(frontend => frontend.Kind != FrontendKind.NodePort).Take(MaxNamed))
        {
            screen.Introduce(heading, $"curl http://{new IPEndPoint(frontend.Address.ToIPAddress(), frontend.Port)}/", isToTry: true);
            heading = "";
        }

        var used = services.SelectMany(service => service.Cluster.Endpoints)
            .Select(endpoint => new IPEndPoint(endpoint.Address.ToIPAddress(), endpoint.Port)).ToHashSet();
        heading = "servers";
        foreach (var server in servers)
        {
            screen.Introduce(heading, screen.NameOf(server) + (used.Contains(server) ? "" : "  waits to be added"));
            heading = "";
        }

        var stopped = servers.FirstOrDefault(used.Contains) ?? servers[0];
        screen.Introduce("edit it", Directory.EnumerateFiles(manifests, "*.yaml").FirstOrDefault(manifests), isToTry: true);
        screen.Introduce("", "take an endpoint out, or add one, and save: it takes effect at once");
        screen.Introduce("break it", $"curl http://{stopped}/stop", isToTry: true);
        screen.Introduce("", $"that server is away for {DemoServer.AwayFor.TotalSeconds} s and the others take over; every server can be stopped so");
        screen.Introduce("end it", "Ctrl-C");
        screen.Introduce();
    }
}
