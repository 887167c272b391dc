using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace ProxyFramework.Backends.Userspace;

/// <summary>What all listeners, connections and flows of one run share.</summary>
internal sealed partial class UserspaceRun : IDisposable
{
    /// <summary>How long to wait before trying again to get a file descriptor.</summary>
    public static readonly TimeSpan PauseWithoutDescriptors = TimeSpan.FromMilliseconds(100);

    private readonly ConcurrentDictionary<TcpRelay, byte> _relays = [];
    private readonly BackendContext _context;
    private readonly ILogger _logger;
    private readonly OncePerInterval _descriptorMessages;
    private readonly OncePerInterval _flowMessages;
    private readonly OncePerInterval _failureMessages;
    private volatile NodeOrigins _origins = new(NodeState.Unknown, []);
    private volatile bool _hasRetired;
    private int _waitingForDescriptor;
    private volatile bool _isEnding;

    public UserspaceRun(
        BackendContext context, UserspaceSettings settings, DescriptorLimit descriptors, ILocalAddresses addresses, Func<int> listeners)
    {
        _context = context;
        Addresses = addresses;
        Settings = settings;
        Descriptors = descriptors;
        MaxUdpFlows = settings.UdpFlows > 0 ? settings.UdpFlows : (int)(descriptors.Total / 4);
        Metrics = new UserspaceMetrics(listeners);
        Traffic = context.LoggerFactory.CreateLogger(TrafficLog.Category);
        _logger = context.LoggerFactory.CreateLogger("ProxyFramework.Backends.Userspace");
        _descriptorMessages = new OncePerInterval(Time, TimeSpan.FromSeconds(10));
        _flowMessages = new OncePerInterval(Time, TimeSpan.FromSeconds(10));
        _failureMessages = new OncePerInterval(Time, TimeSpan.FromSeconds(10));
    }

    public TimeProvider Time => _context.TimeProvider;

    public UserspaceSettings Settings { get; }

    public DescriptorLimit Descriptors { get; }

    public ILocalAddresses Addresses { get; }

    public int MaxUdpFlows { get; }

    public UserspaceMetrics Metrics { get; }

    public ILogger Traffic { get; }

    /// <summary>Whether new connections are turned away because the run ends.</summary>
    public bool IsEnding => _isEnding;

    public NodeOrigins Origins
    {
        get => _origins;
        set => _origins = value;
    }

    /// <summary>Marks an endpoint that takes no new connections any more.</summary>
    public void Retire(EndpointTarget target)
    {
        target.RetiredAt = Math.Max(1, Time.GetTimestamp());
        _hasRetired = true;
    }

    /// <summary>Whether connections that are accepted wait for a descriptor towards their endpoint.</summary>
    public bool IsShortOfDescriptors => Volatile.Read(ref _waitingForDescriptor) > 0;

    /// <summary>Keeps others from being accepted until what it returns is disposed of.</summary>
    public DescriptorWait WaitForDescriptor() => new(this);

    public void Register(TcpRelay relay)
    {
        Metrics.ConnectionOpened();
        _relays.TryAdd(relay, 0);
        if (_isEnding)
        {
            relay.Abort();
        }
    }

    public void Unregister(TcpRelay relay)
    {
        _relays.TryRemove(relay, out _);
        Metrics.ConnectionClosed();
    }

    /// <summary>Ends the connections whose endpoint has been gone for longer than they may go on.</summary>
    public void EndDrained()
    {
        if (!_hasRetired || _context.DrainTimeout == Timeout.InfiniteTimeSpan)
        {
            return;
        }

        // First, so that an endpoint that retires while this looks through the connections is not overlooked until another one does.
        _hasRetired = false;
        var leftover = false;
        foreach (var (relay, _) in _relays)
        {
            var retiredAt = relay.Target?.RetiredAt ?? 0;
            if (retiredAt != 0 && Time.GetElapsedTime(retiredAt) >= _context.DrainTimeout)
            {
                relay.Abort();
            }
            else if (retiredAt != 0)
            {
                leftover = true;
            }
        }

        if (leftover || MayStillRetire())
        {
            _hasRetired = true;
        }
    }

    /// <summary>Waits as long as the settings say for connections to end by themselves, then ends them.</summary>
    public async Task EndAsync()
    {
        var deadline = Time.GetTimestamp();
        while (!_relays.IsEmpty && Time.GetElapsedTime(deadline) < Settings.ShutdownDrain)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20), Time).ConfigureAwait(false);
        }

        _isEnding = true;
        var ending = _relays.Keys.ToList();
        ending.ForEach(relay => relay.Abort());
        foreach (var relay in ending)
        {
            await relay.Completion.ConfigureAwait(false);
        }
    }

    public void ReportOutOfDescriptors(string service)
    {
        if (_descriptorMessages.TryEnter())
        {
            Log.OutOfDescriptors(_logger, service, Descriptors.Total);
        }
    }

    public void ReportTooManyFlows(string service)
    {
        if (_flowMessages.TryEnter())
        {
            Log.TooManyFlows(_logger, service, MaxUdpFlows);
        }
    }

    public void ReportFailure(string service, Exception error)
    {
        if (_failureMessages.TryEnter())
        {
            Log.UnexpectedFailure(_logger, service, error);
        }
    }

    public void Dispose() => Metrics.Dispose();

    // A connection that was being made while its endpoint left shows up a little later: look again as long as one may be connecting.
    private bool MayStillRetire() => _relays.Any(pair => pair.Key.Target is null);

    /// <summary>A connection that waits for a descriptor.</summary>
    internal readonly struct DescriptorWait : IDisposable
    {
        private readonly UserspaceRun _run;

        public DescriptorWait(UserspaceRun run)
        {
            _run = run;
            Interlocked.Increment(ref run._waitingForDescriptor);
        }

        public void Dispose() => Interlocked.Decrement(ref _run._waitingForDescriptor);
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 10, Level = LogLevel.Warning, Message = "{Service}: out of file descriptors (the limit is {Limit}): new connections wait. Raise the limit of open files (ulimit -n, LimitNOFILE=)")]
        public static partial void OutOfDescriptors(ILogger logger, string service, long limit);

        [LoggerMessage(EventId = 11, Level = LogLevel.Warning, Message = "{Service}: there are {Limit} UDP flows already: datagrams of new clients are dropped. Raise userspace:udp-flows, and the limit of open files with it")]
        public static partial void TooManyFlows(ILogger logger, string service, int limit);

        [LoggerMessage(EventId = 12, Level = LogLevel.Error, Message = "{Service}: a connection failed unexpectedly")]
        public static partial void UnexpectedFailure(ILogger logger, string service, Exception error);
    }
}
