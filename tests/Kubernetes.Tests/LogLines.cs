using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using ProxyFramework.Sources.Kubernetes;

namespace ProxyFramework.Kubernetes.Tests;

/// <summary>What the source logs, at which level and when.</summary>
internal sealed class LogLines : ILogger<KubernetesSource>
{
    private readonly ConcurrentQueue<string> _lines = new();

    public string Text => string.Join('\n', _lines);

    public int Count(LogLevel level) => _lines.Count(line => line.StartsWith(level.ToString(), StringComparison.Ordinal));

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        _lines.Enqueue($"{logLevel} {formatter(state, exception)}");
}
