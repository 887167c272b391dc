using Microsoft.Extensions.Logging;
using ProxyFramework;

namespace Acme.Example;

/// <summary>
/// A backend that moves no traffic itself: it keeps a table of what this node should do in a file, for a program that does, with a
/// line for each frontend. <c>svcproxy --mode=acme-table --set acme-table:path=/run/services.txt</c>.
/// </summary>
/// <param name="logger">Injected by the host.</param>
public sealed partial class TableBackend(ILogger<TableBackend> logger) : IBackend
{
    private string _path = "";

    /// <inheritdoc/>
    public string Name => "acme-table";

    /// <summary>Any node can write a file. With a preference of 0, <c>--mode=auto</c> never chooses it.</summary>
    public ValueTask<BackendSupport> ProbeAsync(CancellationToken cancellationToken) => new(BackendSupport.Supported(preference: 0));

    /// <summary>Reads the settings. A file that an earlier run left stays as it is until the first change set replaces it.</summary>
    public ValueTask StartAsync(BackendContext context, CancellationToken cancellationToken)
    {
        _path = ReadPath(context);
        return ValueTask.CompletedTask;
    }

    /// <summary>Writes the complete state beside the file and renames it, so that a reader sees the old table or the new one.</summary>
    public async ValueTask<SyncResult> ApplyAsync(ServiceChangeSet changes, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(changes);
        var lines = changes.State.Values.SelectMany(Describe).Order(StringComparer.Ordinal);
        await File.WriteAllLinesAsync(_path + ".new", lines, cancellationToken).ConfigureAwait(false);
        File.Move(_path + ".new", _path, overwrite: true);
        LogWritten(logger, changes.State.Count, _path);

        // What is asked for and not done is said, never silently left out. The host says it once, however often it is reported.
        return new SyncResult
        {
            Notices = [.. changes.Changes.Where(change => change.After?.Scheduler is not null).Select(change => new ServicePortNotice(
                change.Key, $"the scheduler '{change.After!.Scheduler}' is for the reader of {_path} to honour"))],
        };
    }

    /// <inheritdoc/>
    public ValueTask CleanupAsync(BackendContext context, CancellationToken cancellationToken)
    {
        File.Delete(ReadPath(context));
        return ValueTask.CompletedTask;
    }

    /// <summary>What is in force stays in force when the proxy ends: the file stays.</summary>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private static string ReadPath(BackendContext context)
    {
        // A setting that is not known is an error that names it: a typing mistake must not be silently ignored.
        var unknown = context.Settings.GetChildren().Select(setting => setting.Key).Where(key => key != "path").ToArray();
        return unknown.Length > 0
            ? throw new BackendException($"acme-table:{string.Join(", ", unknown)}: there is only the setting path")
            : context.Settings["path"] ?? throw new BackendException("say where the table is to be with --set acme-table:path=FILE");
    }

    /// <summary>All rules of Kubernetes have been applied: which endpoints take traffic from outside is in the model, not decided here.</summary>
    private static IEnumerable<string> Describe(ServicePort service) => service.Frontends.Select(frontend =>
    {
        var group = service.GroupFor(frontend.RouteFrom(TrafficOrigin.Outside).Policy);
        return $"{service.Key} {frontend} -> {(group.Verdict == Verdict.Forward ? string.Join(' ', group.Endpoints) : group.Verdict)}";
    });

    [LoggerMessage(1, LogLevel.Debug, "Wrote {Count} service ports to {Path}.")]
    private static partial void LogWritten(ILogger logger, int count, string path);
}
