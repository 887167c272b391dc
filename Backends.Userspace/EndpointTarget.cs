using System.Net;
using System.Net.Sockets;

namespace ProxyFramework.Backends.Userspace;

/// <summary>
/// An endpoint of one service port, the same object for as long as the service port has it, whatever happens to its weight or to
/// the others: connections, affinity and counts hang on it.
/// </summary>
internal sealed class EndpointTarget
{
    private long _retiredAt;

    public EndpointTarget(InetAddress address, ushort port)
    {
        Address = address;
        Port = port;
        EndPoint = new IPEndPoint(address.ToIPAddress(), port);
    }

    public InetAddress Address { get; }

    public ushort Port { get; }

    public IPEndPoint EndPoint { get; }

    /// <summary>The open connections and flows.</summary>
    public EndpointLoad Load { get; } = new();

    /// <summary>The timestamp at which it stopped taking new connections; 0 while it takes them.</summary>
    public long RetiredAt
    {
        get => Volatile.Read(ref _retiredAt);
        set => Volatile.Write(ref _retiredAt, value);
    }

    /// <summary>
    /// Whether a connected socket has itself as its peer. At an address of this machine that can happen where nobody listens: the
    /// kernel may choose the very port as the source, and TCP then opens from both sides at once (RFC 9293 §3.5).
    /// </summary>
    public bool HasItselfAsPeer(Socket connected) => EndPoint.Equals(connected.LocalEndPoint);

    public override string ToString() => EndPoint.ToString();
}
