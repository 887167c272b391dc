using System.Collections.Immutable;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;
using ProxyFramework.Core.Plugins;
using ProxyFramework.Core.Sync;

namespace ProxyFramework.Core.Localhost;

/// <summary>
/// Two backends at work together: the chosen one, which cannot serve node ports on loopback addresses, for everything else, and the
/// one named <see cref="CompanionName"/> for those. To the sync loop it is the chosen one. See <c>docs/decisions</c>, 005.
/// </summary>
/// <remarks>
/// The chosen one goes first, and neither fails for the other: a service port is in force where both parts of it are.
/// </remarks>
internal sealed class LocalhostNodePortBackend : IBackend
{
    /// <summary>The mode that serves any address that is a socket's.</summary>
    public const string CompanionName = "userspace";

    private readonly IBackend _chosen;
    private readonly CompanionBackend _companion;
    private readonly IConfiguration _companionSettings;

    /// <summary>
    /// What the chosen one last put in force of service ports whose companion's part failed: to the loop they failed as a whole, so
    /// that it does not know.
    /// </summary>
    private readonly Dictionary<ServicePortKey, Ahead> _ahead = [];

    /// <summary>A composition of two backends, neither of which is started.</summary>
    /// <param name="chosen">The one that the operator chose.</param>
    /// <param name="companion">The other one, which has its own way of hanging and failing.</param>
    /// <param name="companionSettings">The settings of the companion's mode.</param>
    public LocalhostNodePortBackend(IBackend chosen, CompanionBackend companion, IConfiguration companionSettings) =>
        (_chosen, _companion, _companionSettings) = (chosen, companion, companionSettings);

    /// <inheritdoc/>
    public string Name => _chosen.Name;

    /// <summary>The chosen backend with a companion beside it, or by itself where it needs none.</summary>
    /// <param name="chosen">What was chosen.</param>
    /// <param name="support">What it said of this node.</param>
    /// <param name="selection">Knows the companion.</param>
    /// <param name="configuration">Where each mode's section of settings is.</param>
    /// <param name="options">The times to keep.</param>
    /// <param name="time">The only clock.</param>
    /// <param name="loggers">The log.</param>
    public static IBackend Complete(
        IBackend chosen,
        BackendSupport support,
        BackendSelection selection,
        IConfiguration configuration,
        SyncLoopOptions options,
        TimeProvider time,
        ILoggerFactory loggers)
    {
        if (support.ServesLoopbackNodePorts)
        {
            return chosen;
        }

        IBackend? companion = null;
        var whyNone = $"mode {CompanionName} is the one that was to";
        try
        {
            companion = chosen.Name == CompanionName ? null : selection.Find(CompanionName);
        }
        catch (ProxyStartException none)
        {
            whyNone = none.Message;
        }

        return new LocalhostNodePortBackend(
            chosen,
            new CompanionBackend(chosen.Name, companion, whyNone, options, time, loggers.CreateLogger<CompanionBackend>()),
            configuration.GetSection(CompanionName));
    }

    /// <inheritdoc/>
    public ValueTask<BackendSupport> ProbeAsync(CancellationToken cancellationToken) => _chosen.ProbeAsync(cancellationToken);

    /// <summary>Starts the chosen one. The companion starts when there first are node ports on loopback addresses.</summary>
    public ValueTask StartAsync(BackendContext context, CancellationToken cancellationToken)
    {
        _companion.Prepare(ForCompanion(context));
        return _chosen.StartAsync(context, cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask<SyncResult> ApplyAsync(ServiceChangeSet changes, CancellationToken cancellationToken)
    {
        SyncResult chosen;
        try
        {
            chosen = await ApplyChosenAsync(ForChosen(changes), changes, cancellationToken).ConfigureAwait(false);
        }
        catch when (!cancellationToken.IsCancellationRequested)
        {
            foreach (var key in _ahead.Keys)
            {
                BecomeUncertain(key);
            }

            _ = await _companion.ApplyAsync(changes, cancellationToken).ConfigureAwait(false);
            throw;
        }

        var companion = await _companion.ApplyAsync(changes, cancellationToken).ConfigureAwait(false);
        return Merge(changes, chosen, companion);
    }

    /// <summary>Cleans up after both, also where one fails.</summary>
    public async ValueTask CleanupAsync(BackendContext context, CancellationToken cancellationToken)
    {
        try
        {
            await _chosen.CleanupAsync(context, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            await _companion.CleanupAsync(ForCompanion(context), cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Ends both, the chosen one first, also where it fails.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await _chosen.DisposeAsync().ConfigureAwait(false);
        }
        finally
        {
            await _companion.DisposeAsync().ConfigureAwait(false);
        }
    }

    private BackendContext ForCompanion(BackendContext context) => new()
    {
        LoggerFactory = context.LoggerFactory,
        TimeProvider = context.TimeProvider,
        Schedulers = context.Schedulers,
        Settings = _companionSettings,
        DefaultScheduler = context.DefaultScheduler,
        DrainTimeout = context.DrainTimeout,
        ReportDrift = drift => context.ReportDrift(new DriftReport($"mode {CompanionName}, for node ports on localhost: {drift.Description}")),
    };

    /// <summary>A change set that is left with nothing is not handed over.</summary>
    private async ValueTask<SyncResult> ApplyChosenAsync(ServiceChangeSet reduced, ServiceChangeSet whole, CancellationToken cancellationToken) =>
        reduced != whole && !reduced.IsFull && reduced.Changes.IsEmpty && reduced.Node == reduced.PreviousNode
            ? SyncResult.Success
            : await _chosen.ApplyAsync(reduced, cancellationToken).ConfigureAwait(false) ?? SyncResult.Success;

    private ServiceChangeSet ForChosen(ServiceChangeSet changes)
    {
        var node = LocalhostNodePorts.Without(changes.Node);
        var previous = LocalhostNodePorts.Without(changes.PreviousNode);
        if (ReferenceEquals(node, changes.Node) && ReferenceEquals(previous, changes.PreviousNode) && _ahead.Count == 0)
        {
            return changes;
        }

        return new ServiceChangeSet
        {
            IsFull = changes.IsFull,
            Changes = changes.IsFull || _ahead.Count == 0 ? changes.Changes : [.. changes.Changes.SelectMany(FromAhead)],
            State = changes.State,
            Node = node,
            PreviousNode = previous.Equals(node) ? node : previous,
        };
    }

    /// <summary>A change from what the chosen one has; none where it has what is wanted, and only the companion's part is tried again.</summary>
    private IEnumerable<ServicePortChange> FromAhead(ServicePortChange change)
    {
        if (!_ahead.TryGetValue(change.Key, out var ahead))
        {
            return [change];
        }

        if (!ahead.IsUncertain && Equals(ahead.InForce, change.After))
        {
            return [];
        }

        return [change with { Before = ahead.InForce ?? (change.After is null ? change.Before : null) }];
    }

    /// <summary>A service port fails where either part does, and the reason says which.</summary>
    private SyncResult Merge(ServiceChangeSet changes, SyncResult chosen, SyncResult companion)
    {
        var failures = new Dictionary<ServicePortKey, string>();
        foreach (var failure in chosen.Failures.IsDefault ? [] : chosen.Failures)
        {
            var isShared = LocalhostNodePorts.Has(changes.State.GetValueOrDefault(failure.Key), changes.Node);
            failures[failure.Key] = isShared ? $"all but its node port on localhost (mode {_chosen.Name}): {failure.Reason}" : failure.Reason;
        }

        KeepAhead(changes, failures, companion.Failures);
        foreach (var failure in companion.Failures)
        {
            failures[failure.Key] = failures.TryGetValue(failure.Key, out var other) ? $"{other}; {failure.Reason}" : failure.Reason;
        }

        return new SyncResult
        {
            Failures = [.. failures.Select(static failure => new ServicePortFailure(failure.Key, failure.Value))],
            Notices = [.. chosen.Notices.IsDefault ? [] : chosen.Notices, .. companion.Notices],
        };
    }

    private void KeepAhead(ServiceChangeSet changes, Dictionary<ServicePortKey, string> chosenFailures, ImmutableArray<ServicePortFailure> companionFailures)
    {
        foreach (var key in chosenFailures.Keys)
        {
            BecomeUncertain(key);
        }

        // Of what was not handed over, the chosen one has acknowledged nothing new.
        var failed = companionFailures.Select(static failure => failure.Key).ToHashSet();
        foreach (var change in changes.Changes.Where(change => !chosenFailures.ContainsKey(change.Key)))
        {
            if (failed.Contains(change.Key))
            {
                _ahead[change.Key] = new Ahead(change.After, IsUncertain: false);
            }
            else
            {
                _ahead.Remove(change.Key);
            }
        }
    }

    private void BecomeUncertain(ServicePortKey key)
    {
        if (_ahead.TryGetValue(key, out var ahead))
        {
            _ahead[key] = ahead with { IsUncertain = true };
        }
    }

    /// <param name="InForce">What the chosen one acknowledged; null for nothing.</param>
    /// <param name="IsUncertain">Whether it failed since.</param>
    private readonly record struct Ahead(ServicePort? InForce, bool IsUncertain);
}
