using System.Collections.Immutable;

namespace ProxyFramework.Core.Sync;

/// <summary>
/// What is wanted, what is in force, and what has to be tried again when. Pure bookkeeping: no clock, no waiting, one caller. Work
/// is proportional to the change, except for full change sets.
/// </summary>
/// <remarks>
/// Only the difference is kept besides what is wanted: a service port that is not unsettled is in force as it is wanted.
/// </remarks>
internal sealed class SyncLedger(Backoff backoff)
{
    private readonly Dictionary<ServicePortKey, ServicePort> _desired = [];
    private readonly Dictionary<ServicePortKey, UnsettledServicePort> _unsettled = [];
    private readonly HashSet<ServicePortKey> _ready = [];
    private readonly PriorityQueue<ServicePortKey, DateTimeOffset> _retries = new();
    private readonly Dictionary<ServicePortKey, ServicePortFailure> _failures = [];
    private NodeState _node = NodeState.Unknown;
    private NodeState _nodeInForce = NodeState.Unknown;

    /// <summary>Whether there is something to hand over that waits for no retry.</summary>
    public bool HasChanges => _ready.Count > 0 || !_node.Equals(_nodeInForce);

    /// <summary>What is wanted.</summary>
    public IReadOnlyDictionary<ServicePortKey, ServicePort> Desired => _desired;

    /// <summary>The service ports that are not in force because the backend refused them.</summary>
    public IReadOnlyDictionary<ServicePortKey, ServicePortFailure> Failures => _failures;

    /// <summary>When the next refused service port is to be tried again; null where none is.</summary>
    public DateTimeOffset? NextRetry
    {
        get
        {
            while (_retries.TryPeek(out var key, out var at))
            {
                if (_unsettled.TryGetValue(key, out var entry) && entry.RetryAt == at)
                {
                    return at;
                }

                _retries.Dequeue();
            }

            return null;
        }
    }

    /// <summary>Takes what is wanted of a service port now; null to have it removed.</summary>
    public void Want(ServicePortKey key, ServicePort? after)
    {
        if (!_unsettled.TryGetValue(key, out var entry))
        {
            entry = new UnsettledServicePort { InForce = _desired.GetValueOrDefault(key) };
        }

        if (after is null)
        {
            _desired.Remove(key);
        }
        else
        {
            _desired[key] = after;
        }

        if (!entry.IsUncertain && Equals(entry.InForce, after))
        {
            _unsettled.Remove(key);
            _ready.Remove(key);
            return;
        }

        entry.WantAnother();
        _unsettled[key] = entry;
        _ready.Add(key);
    }

    /// <summary>Takes the node as it is now.</summary>
    public void Want(NodeState node) => _node = node;

    /// <summary>The changes that are due. The ledger must stay as it is until their outcome is told.</summary>
    public ServiceChangeSet Take(DateTimeOffset now)
    {
        while (NextRetry is { } at && at <= now)
        {
            _ready.Add(_retries.Dequeue());
        }

        return ChangeSet(isFull: false, _ready.Select(key => _unsettled[key].ChangeTo(_desired.GetValueOrDefault(key))));
    }

    /// <summary>Everything.</summary>
    public ServiceChangeSet TakeFull()
    {
        var removals = _unsettled.Where(one => !_desired.ContainsKey(one.Key)).Select(one => one.Value.ChangeTo(null));
        return ChangeSet(isFull: true, removals.Concat(_desired.Values.Select(wanted => new ServicePortChange(null, wanted))));
    }

    /// <summary>The backend has put a change set in force, but for the failures that it names.</summary>
    /// <param name="changes">What was taken.</param>
    /// <param name="result">What the backend said.</param>
    /// <param name="now">The time.</param>
    /// <param name="programmed">Called with each service port that is newly in force, and what was there before.</param>
    public void Acknowledge(ServiceChangeSet changes, SyncResult result, DateTimeOffset now, Action<ServicePort, ServicePort?>? programmed = null)
    {
        _nodeInForce = changes.Node;
        _ready.Clear();
        var failed = result.Failures.IsDefaultOrEmpty ? null : result.Failures.Select(failure => failure.Key).ToHashSet();
        foreach (var change in changes.Changes)
        {
            var key = change.Key;
            if (failed?.Contains(key) == true || !_unsettled.Remove(key, out var entry))
            {
                continue;
            }

            _failures.Remove(key);
            if (change.After is { } after)
            {
                programmed?.Invoke(after, entry.InForce);
            }
        }

        foreach (var failure in result.Failures.IsDefault ? [] : result.Failures)
        {
            Fail(failure, now);
        }
    }

    /// <summary>The backend has failed as a whole, and what is in force of these changes is unknown.</summary>
    public void Abandon(ServiceChangeSet changes)
    {
        foreach (var change in changes.Changes)
        {
            Entry(change.Key).BecomeUncertain(change.After);
        }
    }

    private void Fail(ServicePortFailure failure, DateTimeOffset now)
    {
        if (!_desired.ContainsKey(failure.Key) && !_unsettled.ContainsKey(failure.Key))
        {
            return;
        }

        var entry = Entry(failure.Key);
        entry.Fail(_desired.GetValueOrDefault(failure.Key), failure.Reason, now, backoff);
        _retries.Enqueue(failure.Key, entry.RetryAt!.Value);
        _failures[failure.Key] = failure;
    }

    private UnsettledServicePort Entry(ServicePortKey key)
    {
        if (!_unsettled.TryGetValue(key, out var entry))
        {
            entry = new UnsettledServicePort { InForce = _desired.GetValueOrDefault(key) };
            _unsettled.Add(key, entry);
        }

        return entry;
    }

    private ServiceChangeSet ChangeSet(bool isFull, IEnumerable<ServicePortChange> changes)
    {
        var removals = ImmutableArray.CreateBuilder<ServicePortChange>();
        var others = ImmutableArray.CreateBuilder<ServicePortChange>(isFull ? _desired.Count : _ready.Count);
        foreach (var change in changes)
        {
            (change.After is null ? removals : others).Add(change);
        }

        removals.AddRange(others);
        return new ServiceChangeSet
        {
            IsFull = isFull,
            Changes = removals.DrainToImmutable(),
            State = _desired,
            Node = _node,
            PreviousNode = _node.Equals(_nodeInForce) ? _node : _nodeInForce,
        };
    }
}
