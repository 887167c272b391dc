using System.Collections.Immutable;

namespace ProxyFramework.Core.Tests.Sync;

/// <summary>A backend that does as it is told, and keeps what it was given: its own idea of the state, replayed from change sets.</summary>
internal sealed class ScriptedBackend : IBackend
{
    private readonly Lock _gate = new();
    private readonly List<Applied> _calls = [];
    private readonly Dictionary<ServicePortKey, ServicePort> _inForce = [];

    public sealed record Applied(DateTimeOffset At, bool IsFull, ImmutableArray<ServicePortChange> Changes, NodeState Node, NodeState PreviousNode);

    /// <summary>What an ApplyAsync does; success at once unless set.</summary>
    public Func<ServiceChangeSet, CancellationToken, ValueTask<SyncResult>> OnApply { get; set; } = (_, _) => ValueTask.FromResult(SyncResult.Success);

    public Func<CancellationToken, ValueTask> OnStart { get; set; } = _ => ValueTask.CompletedTask;

    public Func<ValueTask> OnDispose { get; set; } = () => ValueTask.CompletedTask;

    public required TimeProvider Time { get; init; }

    public string Name { get; init; } = "scripted";

    public Func<ValueTask<BackendSupport>> OnProbe { get; set; } = () => new(BackendSupport.Supported(1));

    public Func<ValueTask> OnCleanup { get; set; } = () => ValueTask.CompletedTask;

    public int Running { get; private set; }

    public int MostAtOnce { get; private set; }

    public bool IsDisposed { get; private set; }

    public BackendContext? Context { get; private set; }

    public ImmutableArray<Applied> Calls
    {
        get
        {
            lock (_gate)
            {
                return [.. _calls];
            }
        }
    }

    public ImmutableDictionary<ServicePortKey, ServicePort> InForce
    {
        get
        {
            lock (_gate)
            {
                return _inForce.ToImmutableDictionary();
            }
        }
    }

    public ValueTask<BackendSupport> ProbeAsync(CancellationToken cancellationToken) => OnProbe();

    public ValueTask StartAsync(BackendContext context, CancellationToken cancellationToken)
    {
        Context = context;
        return OnStart(cancellationToken);
    }

    public async ValueTask<SyncResult> ApplyAsync(ServiceChangeSet changes, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            Running++;
            MostAtOnce = Math.Max(MostAtOnce, Running);
            _calls.Add(new Applied(Time.GetUtcNow(), changes.IsFull, changes.Changes, changes.Node, changes.PreviousNode));
        }

        try
        {
            var result = await OnApply(changes, cancellationToken);
            lock (_gate)
            {
                Replay(changes, result.Failures.Select(failure => failure.Key).ToHashSet());
            }

            return result;
        }
        finally
        {
            lock (_gate)
            {
                Running--;
            }
        }
    }

    public ValueTask CleanupAsync(BackendContext context, CancellationToken cancellationToken)
    {
        Context = context;
        return OnCleanup();
    }

    public ValueTask DisposeAsync()
    {
        IsDisposed = true;
        return OnDispose();
    }

    private void Replay(ServiceChangeSet changes, HashSet<ServicePortKey> failed)
    {
        if (changes.IsFull)
        {
            var wanted = changes.Changes.Where(change => change.After is not null).Select(change => change.Key).ToHashSet();
            foreach (var key in _inForce.Keys.Where(key => !wanted.Contains(key) && !failed.Contains(key)).ToArray())
            {
                _inForce.Remove(key);
            }
        }

        foreach (var change in changes.Changes.Where(change => !failed.Contains(change.Key)))
        {
            if (change.After is { } after)
            {
                _inForce[change.Key] = after;
            }
            else
            {
                _inForce.Remove(change.Key);
            }
        }
    }
}
