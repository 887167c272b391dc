using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace ProxyFramework.ApiServerStandIn;

/// <summary>
/// An API server that speaks the real one's protocol over TLS, HTTP/1.1 and HTTP/2: discovery, list with paging, watch with bookmarks,
/// streaming lists, create, replace, patch and delete. What it keeps outlives a stop, as etcd outlives the API server's.
/// </summary>
public sealed class StandInServer : IAsyncDisposable
{
    private readonly ObjectRequests _objects;
    private readonly Func<IPEndPoint, Socket>? _listen;
    private readonly ConcurrentDictionary<string, IConnectionLifetimeFeature> _connections = [];
    private readonly ConcurrentQueue<string> _requests = [];
    private Certificates? _imposter;
    private WebApplication? _application;

    private StandInServer(IPAddress address, Func<IPEndPoint, Socket>? listen)
    {
        Address = new IPEndPoint(address, 0);
        Certificates = new Certificates(IPAddress.Loopback, address);
        _objects = new ObjectRequests(Store, Faults);
        _listen = listen;
    }

    public ObjectStore Store { get; } = new();

    public Faults Faults { get; } = new();

    public Certificates Certificates { get; }

    /// <summary>Where it listens; a server that is started again listens there again.</summary>
    public IPEndPoint Address { get; private set; }

    /// <summary>Method, path and query of every request so far.</summary>
    public IReadOnlyList<string> Requests => [.. _requests];

    /// <summary>Whether it speaks HTTP/2, or HTTP/1.1 alone; takes effect when it is started.</summary>
    public bool HasHttp2 { get; set; } = true;

    /// <summary>How many watches stand now.</summary>
    public int WatchCount => _objects.Watches.Count();

    /// <summary>Starts one.</summary>
    /// <param name="address">Where it listens; 127.0.0.1 unless given.</param>
    /// <param name="listen">Makes the bound socket, in a network namespace say; null for this one's.</param>
    public static async Task<StandInServer> StartAsync(IPAddress? address = null, Func<IPEndPoint, Socket>? listen = null)
    {
        var server = new StandInServer(address ?? IPAddress.Loopback, listen);
        foreach (var name in new[] { "default", "kube-system" })
        {
            server.Store.Put(ResourceType.Namespaces, new() { ["metadata"] = new System.Text.Json.Nodes.JsonObject { ["name"] = name } });
        }

        await server.StartAgainAsync();
        return server;
    }

    /// <summary>Starts it after it was stopped.</summary>
    public async Task StartAgainAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Logging.ClearProviders();
        builder.Services.Configure<SocketTransportOptions>(options =>
        {
            if (_listen is not null)
            {
                options.CreateBoundListenSocket = endPoint => _listen((IPEndPoint)endPoint);
            }
        });
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(Configure);
        var application = builder.Build();
        application.Run(HandleAsync);
        await application.StartAsync();
        var port = new Uri(application.Urls.First()).Port;
        Address = new IPEndPoint(Address.Address, port);
        _application = application;
    }

    /// <summary>Stops it at once, as a crash would: every connection is cut.</summary>
    public async Task StopAsync()
    {
        if (Interlocked.Exchange(ref _application, null) is { } application)
        {
            CutConnections();
            await application.StopAsync(new CancellationToken(canceled: true));
            await application.DisposeAsync();
            CutConnections();
        }
    }

    /// <summary>Cuts every TCP connection.</summary>
    public void CutConnections()
    {
        foreach (var connection in _connections.Values)
        {
            connection.Abort();
        }
    }

    /// <summary>Cuts every watch off.</summary>
    public void CutWatches() => Each(watch => watch.Cut());

    /// <summary>Ends every watch in good order.</summary>
    public void CloseWatches() => Each(watch => watch.Close());

    /// <summary>Sends a bookmark on every watch.</summary>
    public void SendBookmarks() => Each(watch => watch.Bookmark());

    /// <summary>Forgets the history, and how far paged lists have got.</summary>
    public void Compact()
    {
        Store.Compact();
        _objects.ForgetPages();
    }

    /// <summary>Whether new connections get a certificate that nobody trusts.</summary>
    public void Impersonate(bool isWrong) => _imposter = isWrong ? new Certificates(Address.Address) : null;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        Certificates.Dispose();
        _imposter?.Dispose();
    }

    private void Each(Action<WatchSession> act)
    {
        foreach (var watch in _objects.Watches)
        {
            act(watch);
        }
    }

    private void Configure(KestrelServerOptions kestrel)
    {
        kestrel.Limits.MinResponseDataRate = null;
        kestrel.Listen(Address, listen =>
        {
            listen.Protocols = HasHttp2 ? HttpProtocols.Http1AndHttp2 : HttpProtocols.Http1;
            listen.Use(next => async connection =>
            {
                if (connection.Features.Get<IConnectionLifetimeFeature>() is { } lifetime)
                {
                    _connections[connection.ConnectionId] = lifetime;
                }

                try
                {
                    await next(connection);
                }
                finally
                {
                    _connections.TryRemove(connection.ConnectionId, out _);
                }
            });
            listen.UseHttps(https =>
            {
                https.ServerCertificateSelector = (_, _) => (_imposter ?? Certificates).Server;
                https.ClientCertificateMode = ClientCertificateMode.AllowCertificate;
                https.ClientCertificateValidation = (_, _, _) => true;
            });
        });
    }

    private async Task HandleAsync(HttpContext context)
    {
        var request = context.Request;
        _requests.Enqueue($"{request.Method} {request.Path}{request.QueryString}");
        try
        {
            if (Faults.RequiresAuthentication && !IsKnown(context))
            {
                throw new ApiErrorException(401, "Unauthorized", "Unauthorized");
            }

            if (Faults.Take(request) is { } answer)
            {
                await answer(context.Response);
                return;
            }

            if (request.Path.Value is "/healthz" or "/livez" or "/readyz")
            {
                await context.Response.WriteAsync("ok");
            }
            else if (request.Path.Value == "/openapi/v2")
            {
                // A document without definitions: nothing is checked against it.
                context.Response.ContentType = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
            }
            else if (Discovery.Find(request.Path.Value!) is { } answered)
            {
                await AnswerAsync(context, 200, answered.ToJsonString());
            }
            else if (!await _objects.TryHandleAsync(context))
            {
                throw new ApiErrorException(404, "NotFound", "the server could not find the requested resource");
            }
        }
        catch (ApiErrorException error) when (!context.Response.HasStarted)
        {
            await AnswerAsync(context, error.Code, error.ToStatus().ToJsonString());
        }
        catch (Exception) when (context.RequestAborted.IsCancellationRequested)
        {
            // The client has gone.
        }
    }

    private bool IsKnown(HttpContext context)
    {
        var token = context.Request.Headers.Authorization.ToString();
        return (context.Connection.ClientCertificate is { } certificate && Certificates.Signed(certificate))
            || (token.StartsWith("Bearer ", StringComparison.Ordinal) && Faults.Tokens.Contains(token["Bearer ".Length..]));
    }

    private static Task AnswerAsync(HttpContext context, int code, string json)
    {
        context.Response.StatusCode = code;
        context.Response.ContentType = "application/json";
        return context.Response.WriteAsync(json);
    }
}
