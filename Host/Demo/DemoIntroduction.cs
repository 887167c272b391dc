using System.Net;
using Microsoft.Extensions.Hosting;
using ProxyFramework.Core;

namespace ProxyFramework.Host.Demo;

/// <summary>Says what to try, once everything is in force.</summary>
internal sealed class DemoIntroduction(
    DemoScreen screen, IServiceProxyState state, string manifests, IReadOnlyList<IPEndPoint> servers) : BackgroundService
{
    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!state.Sync.HasSynced && state.Sync.LastError is null)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20), stoppingToken);
        }

        var services = state.SnapshotServicePorts();
        var used = services.SelectMany(service => service.Cluster.Endpoints).Select(endpoint => endpoint.ToString()).ToHashSet();
        var spare = servers.Where(server => !used.Contains(server.ToString())).Select(server => server.Address).ToList();
        screen.Text("");
        screen.Text($"  svcproxy in {state.Mode} mode, without privileges");
        screen.Text("");
        foreach (var service in services)
        {
            foreach (var frontend in service.Frontends.Where(frontend => frontend.Kind != FrontendKind.NodePort))
            {
                screen.Text($"  try it    curl http://{new IPEndPoint(frontend.Address.ToIPAddress(), frontend.Port)}/");
            }

            foreach (var endpoint in service.Cluster.Endpoints)
            {
                screen.Text($"            → {screen.NameOf(endpoint.ToString())}");
            }
        }

        screen.Text($"  edit it   {Directory.EnumerateFiles(manifests, "*.yaml").FirstOrDefault(manifests)}");
        screen.Text("            take an endpoint out, or add one, and save: it takes effect at once"
            + (spare.Count > 0 ? $" (servers wait at {string.Join(" and ", spare)})" : ""));
        screen.Text($"  break it  curl http://{servers[1]}/stop   and see the others take over");
        screen.Text("  end it    Ctrl-C");
        screen.Text("");
    }
}
