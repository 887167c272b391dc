using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Xunit;

namespace ProxyFramework.Behaviour.Testbed;

/// <summary>What a client saw.</summary>
public enum OutcomeKind
{
    /// <summary>A server answered, and said who it is and whom it saw.</summary>
    Answered,

    /// <summary>At once: a reset in answer to the SYN, or ICMP port unreachable.</summary>
    Refused,

    /// <summary>Nothing came back.</summary>
    Silent,

    /// <summary>The packets left the node as they came: no proxy cares for that address.</summary>
    Untouched,

    /// <summary>A connection came about, but ended without an answer.</summary>
    Closed,

    /// <summary>
    /// Sending failed with EPERM: the node's own rules discarded the node's own datagram. The kernel says so at once to UDP
    /// senders on the node, whether the rule rejects or drops, so this counts as either.
    /// </summary>
    Forbidden,

    /// <summary>ICMP host or network unreachable, or there is no route.</summary>
    Unreachable,
}

/// <summary>What became of one attempt to reach a server.</summary>
/// <param name="Kind">What the client saw.</param>
/// <param name="Server">The name of the server that answered; empty where none did.</param>
/// <param name="ServerEndPoint">The address and port at which that server was reached, as it sees it.</param>
/// <param name="Peer">Whom the server saw: the source address and port after the proxy.</param>
/// <param name="Attempt">What was tried, for messages.</param>
public sealed record Outcome(OutcomeKind Kind, string Server, IPEndPoint? ServerEndPoint, IPEndPoint? Peer, string Attempt)
{
    public static Outcome Of(OutcomeKind kind, string attempt) => new(kind, "", null, null, attempt);

    public static Outcome Of(SocketException exception, string attempt) => Of(
        exception.SocketErrorCode switch
        {
            SocketError.ConnectionRefused => OutcomeKind.Refused,
            SocketError.TimedOut => OutcomeKind.Silent,
            SocketError.HostUnreachable or SocketError.NetworkUnreachable => OutcomeKind.Unreachable,
            SocketError.AccessDenied => OutcomeKind.Forbidden,
            SocketError.ConnectionReset or SocketError.Shutdown => OutcomeKind.Closed,
            _ => throw new InvalidOperationException($"{attempt}: {exception.SocketErrorCode}", exception),
        },
        attempt);

    /// <summary>Reads what <see cref="IdentityServer"/> writes.</summary>
    public static Outcome Parse(string line, string attempt)
    {
        var parts = line.Trim().Split(' ');
        var kind = parts[0] == Network.Elsewhere ? OutcomeKind.Untouched : OutcomeKind.Answered;
        return new Outcome(kind, parts[0], IPEndPoint.Parse(parts[1]), IPEndPoint.Parse(parts[2]), attempt);
    }

    public bool IsFrom(Pod pod)
    {
        ArgumentNullException.ThrowIfNull(pod);
        return Kind == OutcomeKind.Answered && Server == pod.Name;
    }

    /// <summary>One of these pods answered.</summary>
    public Outcome ShouldComeFrom(params IEnumerable<Pod> pods)
    {
        var names = pods.Select(pod => pod.Name).ToArray();
        Assert.True(
            Kind == OutcomeKind.Answered && names.Contains(Server),
            $"{Attempt}: expected an answer from {string.Join(" or ", names)}, but {this}");
        return this;
    }

    /// <summary>A server of that name answered.</summary>
    public Outcome ShouldComeFromServer(string name)
    {
        Assert.True(Kind == OutcomeKind.Answered && Server == name, $"{Attempt}: expected an answer from {name}, but {this}");
        return this;
    }

    /// <summary>The server saw this source address.</summary>
    public Outcome ShouldHaveSource(IPAddress source)
    {
        Assert.True(Equals(Peer?.Address, source), $"{Attempt}: the server should see {source}, but {this}");
        return this;
    }

    /// <summary>The server saw one of these source addresses.</summary>
    public Outcome ShouldHaveSourceAmong(IEnumerable<IPAddress> sources)
    {
        Assert.True(
            Peer is not null && sources.Contains(Peer.Address),
            $"{Attempt}: the server should see one of {string.Join(", ", sources)}, but {this}");
        return this;
    }

    /// <summary>The server was reached at this port.</summary>
    public Outcome ShouldReachPort(int port)
    {
        Assert.True(ServerEndPoint?.Port == port, $"{Attempt}: expected target port {port.ToString(CultureInfo.InvariantCulture)}, but {this}");
        return this;
    }

    /// <summary>The client was told at once (semantics: reject).</summary>
    public void ShouldBeRefused() =>
        Assert.True(Kind is OutcomeKind.Refused or OutcomeKind.Forbidden, $"{Attempt}: expected a reset or ICMP port unreachable, but {this}");

    /// <summary>Nothing came back (semantics: drop).</summary>
    public void ShouldBeSilent() =>
        Assert.True(Kind is OutcomeKind.Silent or OutcomeKind.Forbidden, $"{Attempt}: expected no answer of any kind, but {this}");

    /// <summary>The packets left the node as they came.</summary>
    public void ShouldBeUntouched() =>
        Assert.True(Kind == OutcomeKind.Untouched, $"{Attempt}: expected that the node only forwards the packets, but {this}");

    /// <summary>No server was reached, however the client learned it.</summary>
    public void ShouldNotBeServed() =>
        Assert.True(Kind != OutcomeKind.Answered, $"{Attempt}: expected that no server is reached, but {this}");

    public override string ToString() => Kind == OutcomeKind.Answered
        ? $"{Server} ({ServerEndPoint}) answered and saw {Peer}"
        : $"the outcome was {Kind}";
}
