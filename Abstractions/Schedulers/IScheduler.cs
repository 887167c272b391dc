using System.Collections.Immutable;

namespace ProxyFramework;

/// <summary>
/// An algorithm that picks an endpoint for a new connection. It is stateless itself; what it needs to remember is in the
/// <see cref="IEndpointPicker"/> that it makes for each group of endpoints.
/// A scheduler that can do more says so by a further interface: <see cref="ISlotScheduler"/>, <see cref="IKernelScheduler"/>,
/// <see cref="IConfigurableScheduler"/>.
/// </summary>
public interface IScheduler
{
    /// <summary>What a Service or <c>--scheduler</c> selects, in IPVS's short names where it has one: <c>rr</c>, <c>wrr</c>, <c>lc</c>.</summary>
    string Name { get; }

    /// <summary>Whether it looks at <see cref="EndpointLoad"/>. A backend that cannot count connections must refuse it, not pick blindly.</summary>
    bool NeedsLoads { get; }

    /// <summary>A picker for a group of endpoints. A new one is made whenever the group changes.</summary>
    IEndpointPicker CreatePicker(PickerContext context);
}

/// <summary>What a picker chooses among.</summary>
public sealed class PickerContext
{
    /// <summary>The endpoints, at least one. A picker answers with an index into them.</summary>
    public required ImmutableArray<Endpoint> Endpoints { get; init; }

    /// <summary>One load for each endpoint, the same object for as long as the endpoint exists; empty where the backend counts nothing.</summary>
    public ImmutableArray<EndpointLoad> Loads { get; init; } = [];

    /// <summary>The picker of the group as it was, to carry on from; null for the first.</summary>
    public IEndpointPicker? Previous { get; init; }
}

/// <summary>Picks among the endpoints of one group. Called from many threads at once; allocates nothing.</summary>
public interface IEndpointPicker
{
    /// <summary>The index of the endpoint for a new connection, 0…count-1.</summary>
    int Pick(in ConnectionKey connection);
}

/// <summary>What is known of a connection before it is balanced.</summary>
/// <param name="Source">The client's address.</param>
/// <param name="SourcePort">The client's port.</param>
/// <param name="Destination">The frontend's address.</param>
/// <param name="DestinationPort">The frontend's port.</param>
public readonly record struct ConnectionKey(InetAddress Source, ushort SourcePort, InetAddress Destination, ushort DestinationPort);

/// <summary>The live counters of one endpoint, written by the backend, read by schedulers.</summary>
public sealed class EndpointLoad
{
    private int _activeConnections;
    private long _answers;
    private long _answerTicks;

    /// <summary>Connections, or UDP flows, that are open now.</summary>
    public int ActiveConnections => Volatile.Read(ref _activeConnections);

    /// <summary>Counts a connection.</summary>
    public void ConnectionOpened() => Interlocked.Increment(ref _activeConnections);

    /// <summary>Counts it off.</summary>
    public void ConnectionClosed() => Interlocked.Decrement(ref _activeConnections);

    /// <summary>
    /// How often the endpoint has answered, and how long that took in all: the time from what a client sent to the first byte or
    /// datagram that came back. Both only grow; whoever wants a mean or a peak keeps what it read last. Zeros where nobody measures.
    /// </summary>
    public (long Count, TimeSpan Total) Answers => (Volatile.Read(ref _answers), new TimeSpan(Volatile.Read(ref _answerTicks)));

    /// <summary>Counts an answer.</summary>
    /// <param name="after">The time that the endpoint took; negative counts as none.</param>
    public void AnswerReceived(TimeSpan after)
    {
        Interlocked.Add(ref _answerTicks, Math.Max(0, after.Ticks));
        Interlocked.Increment(ref _answers);
    }
}

/// <summary>The schedulers that plugins brought.</summary>
public interface ISchedulerCatalog
{
    /// <summary>The names, ordered.</summary>
    IReadOnlyCollection<string> Names { get; }

    /// <summary>The scheduler of that name, or null. The same object each time, so that a picker can carry on from the last one.</summary>
    /// <param name="name">A name, or a name with options as <see cref="IConfigurableScheduler"/> describes.</param>
    IScheduler? Find(string name);

    /// <summary>Why <see cref="Find"/> has nothing to offer, for a message: half a sentence that goes on after a colon.</summary>
    string WhyNot(string name) =>
        $"there is no scheduler '{name}'; loaded are: {string.Join(", ", Names.DefaultIfEmpty("none"))}";
}
