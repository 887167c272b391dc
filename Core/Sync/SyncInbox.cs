using System.Threading.Channels;
using ProxyFramework.Core.View;

namespace ProxyFramework.Core.Sync;

/// <summary>
/// Where posts wait while the loop is busy: only the latest of each service port is kept, so it never holds more than there are
/// service ports, for however long the backend hangs.
/// </summary>
internal sealed class SyncInbox
{
    private static readonly Dictionary<ServicePortKey, ServicePort?> Nothing = [];

    private readonly Lock _gate = new();
    private readonly Channel<bool> _bell = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private Dictionary<ServicePortKey, ServicePort?> _servicePorts = [];
    private NodeState? _node;
    private DateTimeOffset? _since;
    private long? _received;
    private bool _isComplete;
    private string? _fullReason;
    private string? _driftReason;

    /// <summary>What has gathered since the last time.</summary>
    /// <param name="ServicePorts">The latest of each.</param>
    /// <param name="Node">The node; null where it did not change.</param>
    /// <param name="Since">When the first of it was posted; null where nothing was.</param>
    /// <param name="Received">When the source published the first of it, as the clock's timestamp; null where nobody said.</param>
    /// <param name="IsComplete">Whether anything was ever posted.</param>
    /// <param name="FullReason">Why a full change set was asked for; null where none was.</param>
    /// <param name="DriftReason">The same for drift.</param>
    public readonly record struct Posts(
        IReadOnlyDictionary<ServicePortKey, ServicePort?> ServicePorts,
        NodeState? Node,
        DateTimeOffset? Since,
        long? Received,
        bool IsComplete,
        string? FullReason,
        string? DriftReason);

    /// <summary>When the oldest post that nobody has taken was made.</summary>
    public DateTimeOffset? OldestPost
    {
        get
        {
            lock (_gate)
            {
                return _since;
            }
        }
    }

    public void Post(NodeViewChanges changes, DateTimeOffset now, long? received = null)
    {
        lock (_gate)
        {
            foreach (var change in changes.ServicePorts)
            {
                _servicePorts[change.Key] = change.After;
            }

            _node = changes.Node ?? _node;
            _since ??= now;
            _received ??= received;
            _isComplete = true;
        }

        Wake();
    }

    public void RequestFullSync(string reason)
    {
        lock (_gate)
        {
            _fullReason = reason;
        }

        Wake();
    }

    /// <summary>Asks for a full change set because of drift. Tells whether this is the first report that nobody has taken.</summary>
    public bool ReportDrift(string reason)
    {
        bool isFirst;
        lock (_gate)
        {
            isFirst = _driftReason is null;
            _driftReason = reason;
        }

        Wake();
        return isFirst;
    }

    public Posts Take()
    {
        lock (_gate)
        {
            var posts = new Posts(_servicePorts.Count == 0 ? Nothing : _servicePorts, _node, _since, _received, _isComplete, _fullReason, _driftReason);
            if (_servicePorts.Count > 0)
            {
                _servicePorts = [];
            }

            (_node, _since, _received, _fullReason, _driftReason) = (null, null, null, null, null);
            return posts;
        }
    }

    /// <summary>Ends a wait, now or the next one.</summary>
    public void Wake() => _bell.Writer.TryWrite(true);

    /// <summary>Waits for a post, a request or <see cref="Wake"/>.</summary>
    public ValueTask<bool> WaitAsync(CancellationToken cancellationToken) => _bell.Reader.ReadAsync(cancellationToken);
}
