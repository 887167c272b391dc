using Microsoft.Extensions.Logging;

namespace ProxyFramework.TestPlugins.Good;

public sealed class GoodBackend(ILogger<GoodBackend> logger, ILoggerFactory loggerFactory, TimeProvider time) : IBackend
{
    public string Name => "good";

    public ValueTask<BackendSupport> ProbeAsync(CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(logger);
        ArgumentNullException.ThrowIfNull(loggerFactory);
        ArgumentNullException.ThrowIfNull(time);
        return new(BackendSupport.Supported(50));
    }

    public ValueTask StartAsync(BackendContext context, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    public ValueTask<SyncResult> ApplyAsync(ServiceChangeSet changes, CancellationToken cancellationToken) => new(SyncResult.Success);

    public ValueTask CleanupAsync(BackendContext context, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
