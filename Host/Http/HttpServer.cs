using System.Net;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using ProxyFramework.Host.CommandLine;

namespace ProxyFramework.Host.Http;

/// <summary>
/// A plain HTTP/1.1 server with a single handler: Kestrel without an application host around it, since a second host would bring
/// its own signal handlers and log, and routing four paths needs none of it.
/// </summary>
internal sealed class HttpServer : IAsyncDisposable
{
    private readonly KestrelServer _server;

    private HttpServer(KestrelServer server) => _server = server;

    /// <summary>Where it listens, with the port that was chosen where any would do.</summary>
    public string Url => _server.Features.Get<Microsoft.AspNetCore.Hosting.Server.Features.IServerAddressesFeature>()!.Addresses.First();

    /// <summary>Starts to listen.</summary>
    /// <param name="address">Where.</param>
    /// <param name="handle">Answers each request.</param>
    /// <param name="loggers">For the log of the server.</param>
    /// <param name="cancellation">Ends the attempt.</param>
    /// <exception cref="IOException">The address is in use or is not one of this machine.</exception>
    public static async Task<HttpServer> StartAsync(
        BindAddress address, RequestDelegate handle, ILoggerFactory loggers, CancellationToken cancellation)
    {
        var options = new KestrelServerOptions { AddServerHeader = false, ApplicationServices = new ServiceCollection().BuildServiceProvider() };

        // Probes and scrapes are small: nobody has a reason to send more, or to hold a connection open for long.
        options.Limits.MaxRequestBodySize = 64 * 1024;
        options.Limits.KeepAliveTimeout = TimeSpan.FromSeconds(90);
        options.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
        if (address.Address is null)
        {
            options.ListenAnyIP(address.Port, UseHttp1);
        }
        else
        {
            options.Listen(new IPEndPoint(address.Address, address.Port), UseHttp1);
        }

        var transport = new SocketTransportFactory(Options.Create(new SocketTransportOptions()), loggers);
        var server = new KestrelServer(Options.Create(options), transport, loggers);
        try
        {
            await server.StartAsync(new Application(handle), cancellation);
        }
        catch (Exception error) when (error is System.Net.Sockets.SocketException or IOException)
        {
            server.Dispose();
            throw new IOException(error.InnerException?.Message ?? error.Message, error);
        }

        return new HttpServer(server);

        static void UseHttp1(ListenOptions listen) => listen.Protocols = HttpProtocols.Http1;
    }

    /// <summary>Stops to listen; requests under way have a second to end.</summary>
    public async ValueTask DisposeAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        await _server.StopAsync(limit.Token);
        _server.Dispose();
    }

    private sealed class Application(RequestDelegate handle) : IHttpApplication<HttpContext>
    {
        public HttpContext CreateContext(IFeatureCollection contextFeatures) => new DefaultHttpContext(contextFeatures);

        public Task ProcessRequestAsync(HttpContext context) => handle(context);

        public void DisposeContext(HttpContext context, Exception? exception)
        {
        }
    }
}
