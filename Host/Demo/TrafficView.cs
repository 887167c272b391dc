using System.Net;
using Microsoft.Extensions.Logging;

namespace ProxyFramework.Host.Demo;

/// <summary>
/// Shows the connections that the backend balances. The backend is a plugin of which the host knows nothing: what is read is its
/// log, where each connection is an event with the client and the endpoint.
/// </summary>
internal sealed class TrafficView(DemoScreen screen) : ILoggerProvider, ILogger
{
    /// <summary>The log category that is read.</summary>
    public const string Category = "ProxyFramework.Backends.Userspace.Traffic";

    /// <inheritdoc/>
    public ILogger CreateLogger(string categoryName) =>
        categoryName == Category ? this : Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance;

    /// <inheritdoc/>
    public bool IsEnabled(LogLevel logLevel) => true;

    /// <inheritdoc/>
    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    /// <inheritdoc/>
    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (state is not IReadOnlyList<KeyValuePair<string, object?>> values)
        {
            return;
        }

        var client = Value(values, "Client")?.ToString() ?? "?";
        var endpoint = Value(values, "Endpoint") as IPEndPoint;
        switch (eventId.Name)
        {
            case "ConnectionBalanced" or "FlowBalanced" when endpoint is not null:
                screen.Balanced(client, endpoint, Value(values, "Source") as IPEndPoint);
                break;
            case "ConnectFailed" when endpoint is not null:
                screen.NotBalanced(client, endpoint, $"{Value(values, "Reason")}");
                break;
            case "ConnectionUnserved":
                screen.Problem($"{client}: no endpoint took the connection; it is reset");
                break;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    private static object? Value(IReadOnlyList<KeyValuePair<string, object?>> values, string name)
    {
        foreach (var (key, value) in values)
        {
            if (key == name)
            {
                return value;
            }
        }

        return null;
    }
}
