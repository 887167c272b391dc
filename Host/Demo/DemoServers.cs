using System.Net;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace ProxyFramework.Host.Demo;

/// <summary>All servers of the demo, from start to stop.</summary>
internal sealed class DemoServers(IReadOnlyList<IPEndPoint> addresses, DemoScreen screen, ILoggerFactory loggers) : IHostedService
{
    private readonly List<DemoServer> _servers = [];

    /// <inheritdoc/>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        for (var i = 0; i < addresses.Count; i++)
        {
            var name = $"web-{i + 1}";
            screen.Name(addresses[i], name);
            _servers.Add(await DemoServer.StartAsync(name, addresses[i], loggers, screen, cancellationToken));
        }
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) =>
        Task.WhenAll(_servers.Select(server => server.DisposeAsync().AsTask()));
}
