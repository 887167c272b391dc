using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using ProxyFramework.Core.Http;
using ProxyFramework.Core.View;

namespace ProxyFramework.Core.Health;

/// <summary>
/// Answers for one Service at its <c>healthCheckNodePort</c>, on all node addresses, whatever the path (KEP-1669 and the API's
/// <c>healthCheckNodePort</c>).
/// </summary>
internal sealed class HealthCheckServer : IAsyncDisposable
{
    private readonly ProxyHealth _health;
    private HttpServer? _server;
    private ServiceHealth _service;

    private HealthCheckServer(ServiceHealth service, ImmutableArray<InetAddress> addresses, ProxyHealth health)
    {
        _service = service;
        _health = health;
        Addresses = addresses;
    }

    /// <summary>The addresses that it should listen on.</summary>
    public ImmutableArray<InetAddress> Addresses { get; }

    /// <summary>The port that it listens on.</summary>
    public ushort Port => Service.Port;

    /// <summary>What it answers with; may be replaced at any time by one with the same port.</summary>
    public ServiceHealth Service
    {
        get => Volatile.Read(ref _service);
        set => Volatile.Write(ref _service, value);
    }

    /// <summary>Addresses that could not be listened on, with the reason.</summary>
    public ImmutableArray<string> Problems { get; private set; } = [];

    /// <summary>Listens on as many of the addresses as possible.</summary>
    public static async Task<HealthCheckServer> StartAsync(
        ServiceHealth service, ImmutableArray<InetAddress> addresses, ProxyHealth health, ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        var server = new HealthCheckServer(service, addresses, health);
        await server.ListenAsync(loggers, cancellationToken).ConfigureAwait(false);
        return server;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _server?.DisposeAsync() ?? ValueTask.CompletedTask;

    private async Task ListenAsync(ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        var usable = new List<InetAddress>();
        foreach (var address in Addresses)
        {
            if (FindBindProblem(address) is { } problem)
            {
                Problems = Problems.Add(problem);
            }
            else
            {
                usable.Add(address);
            }
        }

        if (usable.Count == 0)
        {
            return;
        }

        try
        {
            _server = await HttpServer.StartAsync(
                server => usable.ForEach(address => server.Listen(address.ToIPAddress(), Port)), AnswerAsync, loggers, cancellationToken).ConfigureAwait(false);
        }
        catch (IOException error)
        {
            Problems = Problems.Add(error.Message);
        }
    }

    /// <summary>Kestrel takes all of its addresses or none, so each is tried before.</summary>
    private string? FindBindProblem(InetAddress address)
    {
        var endpoint = new IPEndPoint(address.ToIPAddress(), Port);
        try
        {
            using var socket = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(endpoint);
            socket.Listen(1);
            return null;
        }
        catch (SocketException error)
        {
            return $"{endpoint}: {error.Message}";
        }
    }

    private Task AnswerAsync(HttpContext context)
    {
        var service = Service;
        var isHealthy = _health.Evaluate().IsLive;
        var response = context.Response;
        response.StatusCode = isHealthy && service.LocalEndpoints > 0 ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
        response.ContentType = "application/json";
        response.Headers.XContentTypeOptions = "nosniff";
        response.Headers["X-Load-Balancing-Endpoint-Weight"] = service.LocalEndpoints.ToString(CultureInfo.InvariantCulture);
        using (var json = new Utf8JsonWriter(response.BodyWriter))
        {
            json.WriteStartObject();
            json.WriteStartObject("service");
            json.WriteString("namespace", service.Service.Namespace);
            json.WriteString("name", service.Service.Name);
            json.WriteEndObject();
            json.WriteNumber("localEndpoints", service.LocalEndpoints);
            json.WriteBoolean("serviceProxyHealthy", isHealthy);
            json.WriteEndObject();
        }

        return response.BodyWriter.FlushAsync(context.RequestAborted).AsTask();
    }
}
