using System.Collections.Immutable;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using ProxyFramework.Core.View;

namespace ProxyFramework.Core;

/// <summary>
/// The one writer of the node view: feeds it with all that has gathered, and passes on what is different then. Nothing is passed on
/// before every source is complete, so that nothing in force is removed because a source is late.
/// </summary>
internal sealed partial class ViewLoop(
    NodeView view, ImmutableArray<string> sources, Action<NodeViewChanges, long?> post, TimeProvider time, ILogger<ViewLoop> logger)
{
    /// <summary>How many inputs are taken before changes are passed on: a flood must not hold them back for ever.</summary>
    private const int InputsAtOnce = 1024;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly Channel<ViewInput> _feed = Channel.CreateBounded<ViewInput>(new BoundedChannelOptions(256) { SingleReader = true });
    private readonly Lock _gate = new();
    private readonly HashSet<int> _incomplete = [.. Enumerable.Range(0, sources.Length)];
    private bool _hasAddresses;
    private bool _hasPosted;

    // When the oldest of the events was received that nothing has been passed on for.
    private long? _received;

    /// <summary>Where the sources write; a writer waits where the view is behind.</summary>
    public ChannelWriter<ViewInput> Feed => _feed.Writer;

    /// <summary>This node as the view has it.</summary>
    public NodeState Node { get; private set; } = NodeState.Unknown;

    /// <summary>Whether this node takes new connections from load balancers.</summary>
    public bool IsNodeEligible { get; private set; } = true;

    /// <summary>The number of service ports.</summary>
    public int ServicePortCount { get; private set; }

    /// <summary>A copy of all service ports.</summary>
    public ImmutableArray<ServicePort> Snapshot()
    {
        lock (_gate)
        {
            return [.. view.ServicePorts.Values];
        }
    }

    /// <summary>Works until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var timer = time.CreateTimer(_ => LogLateSources(), null, Patience, Timeout.InfiniteTimeSpan);
        await using (timer.ConfigureAwait(false))
        {
            while (await _feed.Reader.WaitToReadAsync(cancellationToken).ConfigureAwait(false))
            {
                Work();
            }
        }
    }

    private void Work()
    {
        NodeViewChanges? changes = null;
        long? received = null;
        lock (_gate)
        {
            for (var i = 0; i < InputsAtOnce && _feed.Reader.TryRead(out var input); i++)
            {
                Take(input);
            }

            if (_incomplete.Count == 0 && _hasAddresses)
            {
                changes = view.TakeChanges();
                (received, _received) = (_received, null);
                Node = view.Node;
                IsNodeEligible = view.IsNodeEligible;
                ServicePortCount = view.ServicePorts.Count;
            }
        }

        if (changes is not null && (!changes.IsEmpty || !_hasPosted))
        {
            _hasPosted = true;
            post(changes, received);
        }
    }

    private void Take(ViewInput input)
    {
        switch (input)
        {
            case ViewInput.Addresses addresses:
                _hasAddresses = true;
                view.SetInterfaceAddresses(addresses.All);
                break;
            case ViewInput.Events events:
                _received ??= events.Received;
                foreach (var change in events.Batch)
                {
                    if (change is Sources.SourceEvent.Complete)
                    {
                        _incomplete.Remove(events.Source);
                    }
                    else
                    {
                        view.Apply(change);
                    }
                }

                break;
            default:
                break;
        }
    }

    private void LogLateSources()
    {
        string late;
        lock (_gate)
        {
            late = string.Join(", ", _incomplete.Order().Select(index => sources[index]));
        }

        if (late.Length > 0)
        {
            Log.StillWaiting(logger, late);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "Still waiting for all objects from: {Sources}. Until then what is in force stays as it is.")]
        public static partial void StillWaiting(ILogger logger, string sources);
    }
}
