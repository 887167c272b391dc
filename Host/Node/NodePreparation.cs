using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ProxyFramework.Host.CommandLine;

namespace ProxyFramework.Host.Node;

/// <summary>What is done before anything else starts: the node's settings, and a word on what the configuration says in vain.</summary>
internal sealed partial class NodePreparation(RunSettings settings, ILoggerFactory loggers) : IHostedService
{
    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        var logger = loggers.CreateLogger<NodePreparation>();
        foreach (var note in settings.Notes)
        {
            Log.InVain(logger, note);
        }

        new NodeSetup(loggers.CreateLogger<NodeSetup>()).Apply(settings.Node);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "{Note}")]
        public static partial void InVain(ILogger logger, string note);
    }
}
