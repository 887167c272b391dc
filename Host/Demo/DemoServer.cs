using System.Globalization;
using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using ProxyFramework.Core;
using ProxyFramework.Core.Http;

namespace ProxyFramework.Host.Demo;

/// <summary>
/// One of the small HTTP servers behind the demo's service. It says who it is, and tells the demo of every request.
/// <c>/stop</c> makes it go away for a while without a word to the proxy, as a server that crashes does.
/// </summary>
internal sealed class DemoServer : IAsyncDisposable
{
    /// <summary>How long <c>/stop</c> makes it go away.</summary>
    public static readonly TimeSpan AwayFor = TimeSpan.FromSeconds(30);

    private readonly IPEndPoint _address;
    private readonly ILoggerFactory _loggers;
    private readonly IDemoAudience _audience;
    private readonly CancellationTokenSource _stopping = new();
    private Task _away = Task.CompletedTask;
    private HttpServer? _listener;
    private int _requests;

    private DemoServer(string name, IPEndPoint address, ILoggerFactory loggers, IDemoAudience audience)
    {
        Name = name;
        _address = address;
        _loggers = loggers;
        _audience = audience;
    }

    /// <summary>What it calls itself: <c>web-2</c>.</summary>
    public string Name { get; }

    /// <summary>Starts a server.</summary>
    /// <exception cref="ProxyStartException">Its address is in use.</exception>
    public static async Task<DemoServer> StartAsync(
        string name, IPEndPoint address, ILoggerFactory loggers, IDemoAudience audience, CancellationToken cancellation)
    {
        var server = new DemoServer(name, address, loggers, audience);
        try
        {
            await server.ListenAsync(cancellation);
            return server;
        }
        catch (IOException error)
        {
            throw new ProxyStartException(
                ProxyExitCode.Failure,
                $"the demo's server {name} cannot listen on {address}: {error.Message}. Is another demo running?",
                error);
        }
    }

    /// <summary>Stops it.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _away;
        if (_listener is not null)
        {
            await _listener.DisposeAsync();
        }

        _stopping.Dispose();
    }

    private async Task ListenAsync(CancellationToken cancellation) =>
        _listener = await HttpServer.StartAsync(
            server => server.Listen(_address), HandleAsync, _loggers, cancellation);

    private async Task HandleAsync(HttpContext context)
    {
        var request = context.Request;
        var count = Interlocked.Increment(ref _requests);
        var peer = new IPEndPoint(context.Connection.RemoteIpAddress!, context.Connection.RemotePort);
        _audience.RequestServed(_address, peer, $"{request.Method} {request.Path}");
        context.Response.ContentType = "text/plain; charset=utf-8";
        if (request.Path == "/stop")
        {
            context.Response.Headers.Connection = "close";
            await context.Response.WriteAsync($"{Name} at {_address} goes away for {AwayFor.TotalSeconds} s\n");
            await context.Response.CompleteAsync();
            _away = Task.Run(StayAwayAsync);
            return;
        }

        await context.Response.WriteAsync(string.Create(CultureInfo.InvariantCulture, $"{Name} at {_address}, request {count}\n"));
    }

    private async Task StayAwayAsync()
    {
        if (Interlocked.Exchange(ref _listener, null) is not { } listener)
        {
            return;
        }

        await listener.DisposeAsync();
        _audience.Note($"{Name} at {_address} is away for {AwayFor.TotalSeconds} s");
        await Task.Delay(AwayFor, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!_stopping.IsCancellationRequested)
        {
            await ListenAsync(_stopping.Token);
            _audience.Note($"{Name} at {_address} is back");
        }
    }
}
