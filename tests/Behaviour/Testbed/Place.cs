using System.Net;
using System.Net.Sockets;

namespace ProxyFramework.Behaviour.Testbed;

/// <summary>Where traffic starts: a namespace and, of its addresses, the ones to use.</summary>
public class Place
{
    /// <summary>How long an answer is waited for; generous, as a busy machine is no failure.</summary>
    public static readonly TimeSpan Patience = Pace.Limit(5);

    /// <summary>How long silence lasts until it is believed. The testbed's round trips take well under a millisecond.</summary>
    public static readonly TimeSpan Silence = Pace.Seconds(0.6);

    public Place(string name, NetworkNamespace ns, IPAddress ipv4, IPAddress ipv6, bool bind = true)
    {
        Name = name;
        Namespace = ns;
        IPv4 = ipv4;
        IPv6 = ipv6;
        Binds = bind;
    }

    public string Name { get; }

    public NetworkNamespace Namespace { get; }

    public IPAddress IPv4 { get; }

    public IPAddress IPv6 { get; }

    private bool Binds { get; }

    public IPAddress Address(Family family) => family == Family.IPv4 ? IPv4 : IPv6;

    /// <summary>Connects anew and asks who is there, over the target's protocol.</summary>
    /// <param name="target">Whom.</param>
    /// <param name="patience">How long; <see cref="Patience"/> unless given.</param>
    /// <param name="sourcePort">Of a UDP client; a free one unless given.</param>
    public async Task<Outcome> AskAsync(Target target, TimeSpan? patience = null, int sourcePort = 0)
    {
        var attempt = $"{target} from {Name}";
        if (target.Protocol == Protocol.Sctp)
        {
            return await SctpProbe.AskAsync(this, target, patience ?? Patience);
        }

        if (target.Protocol == Protocol.Udp)
        {
            using var flow = OpenFlow(target, sourcePort);
            return await flow.AskAsync(patience);
        }

        try
        {
            using var connection = await ConnectAsync(target, patience);
            return await connection.AskAsync(patience);
        }
        catch (OperationCanceledException)
        {
            return Outcome.Of(OutcomeKind.Silent, attempt);
        }
        catch (SocketException exception)
        {
            return Outcome.Of(exception, attempt);
        }
    }

    /// <summary>As <see cref="AskAsync"/>, where silence is what is expected: waits just long enough to be sure.</summary>
    public Task<Outcome> AskBrieflyAsync(Target target) => AskAsync(target, Silence);

    /// <summary>Asks again and again, each time with a new connection.</summary>
    public async Task<IReadOnlyList<Outcome>> AskManyAsync(Target target, int times)
    {
        var outcomes = new List<Outcome>(times);
        for (var i = 0; i < times; i++)
        {
            outcomes.Add(await AskAsync(target));
        }

        return outcomes;
    }

    /// <summary>Opens a TCP connection.</summary>
    /// <exception cref="OperationCanceledException">There was no answer.</exception>
    /// <exception cref="SocketException">It was refused.</exception>
    public async Task<Connection> ConnectAsync(Target target, TimeSpan? patience = null)
    {
        var socket = Namespace.Run(() => new Socket(target.Family.ToSockets(), SocketType.Stream, ProtocolType.Tcp));
        try
        {
            using var deadline = new CancellationTokenSource(patience ?? Patience);
            socket.NoDelay = true;
            socket.LingerState = new LingerOption(true, 0); // no TIME_WAIT in the way of later connections
            if (Binds)
            {
                socket.Bind(new IPEndPoint(Address(target.Family), 0));
            }

            await socket.ConnectAsync(target.EndPoint, deadline.Token);
            return new Connection(socket, $"{target} from {Name}");
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>A UDP client that keeps its source port; a free one unless given.</summary>
    public Flow OpenFlow(Target target, int sourcePort = 0)
    {
        var socket = Namespace.Run(() => new Socket(target.Family.ToSockets(), SocketType.Dgram, ProtocolType.Udp));
        if (Binds || sourcePort != 0)
        {
            socket.Bind(new IPEndPoint(Binds ? Address(target.Family) : target.Family == Family.IPv4 ? IPAddress.Any : IPAddress.IPv6Any, sourcePort));
        }

        socket.Connect(target.EndPoint);
        return new Flow(socket, $"{target} from {Name}");
    }

    /// <summary>A whole HTTP exchange: the head and the body of the response.</summary>
    public async Task<(string Head, string Body)> HttpGetAsync(Target target, string path)
    {
        using var connection = await ConnectAsync(target);
        return await connection.SendAsync($"GET {path} HTTP/1.1\r\nHost: {target.EndPoint}\r\nConnection: close\r\n\r\n");
    }

    public override string ToString() => Name;
}
