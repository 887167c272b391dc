using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace ProxyFramework.Core.Http;

/// <summary>
/// A plain HTTP/1.1 server with a single handler: Kestrel without an application host around it, since a second host would bring
/// its own signal handlers and log, and answering probes and scrapes needs none of it.
/// </summary>
public sealed class HttpServer : IAsyncDisposable
{
    /// <summary>How long requests under way have to end when the server stops. They are small; shutdown is not to wait for their clients.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromMilliseconds(100);

    private readonly KestrelServer _server;
    private readonly ServiceProvider _services;

    private HttpServer(KestrelServer server, ServiceProvider services)
    {
        _server = server;
        _services = services;
    }

    /// <summary>Where it listens, <c>http://127.0.0.1:8080</c>, with the port that was chosen where any would do; the first where it is several.</summary>
    public string Url => _server.Features.Get<IServerAddressesFeature>()!.Addresses.First();

    /// <summary>Starts to listen.</summary>
    /// <param name="listen">Says where, by <see cref="KestrelServerOptions.Listen(System.Net.IPEndPoint)"/> and its kin. All of it or none is taken.</param>
    /// <param name="handle">Answers each request.</param>
    /// <param name="loggers">For the log of the server.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <exception cref="IOException">An address is in use or is not one of this machine; the message says which of the two.</exception>
    public static async Task<HttpServer> StartAsync(
        Action<KestrelServerOptions> listen, RequestDelegate handle, ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(listen);
        ArgumentNullException.ThrowIfNull(handle);
        var services = new ServiceCollection().BuildServiceProvider();
        var options = new KestrelServerOptions { AddServerHeader = false, ApplicationServices = services };

        // Probes and scrapes are small: nobody has a reason to send more, or to hold a connection open for long.
        options.Limits.MaxRequestBodySize = 64 * 1024;
        options.Limits.KeepAliveTimeout = TimeSpan.FromSeconds(90);
        options.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
        options.ConfigureEndpointDefaults(endpoint => endpoint.Protocols = HttpProtocols.Http1);
        listen(options);

        var transport = new SocketTransportFactory(Options.Create(new SocketTransportOptions()), loggers);
        var server = new KestrelServer(Options.Create(options), transport, loggers);
        try
        {
            await server.StartAsync(new Application(handle), cancellationToken).ConfigureAwait(false);
        }
        catch (Exception error)
        {
            server.Dispose();
            await services.DisposeAsync().ConfigureAwait(false);
            if (error is System.Net.Sockets.SocketException or IOException)
            {
                throw new IOException(error.InnerException?.Message ?? error.Message, error);
            }

            throw;
        }

        return new HttpServer(server, services);
    }

    /// <summary>Stops to listen; requests under way have a moment to end.</summary>
    public async ValueTask DisposeAsync()
    {
        using var limit = new CancellationTokenSource(Grace);
        await _server.StopAsync(limit.Token).ConfigureAwait(false);
        _server.Dispose();
        await _services.DisposeAsync().ConfigureAwait(false);
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
