using System.Net;
using System.Net.Sockets;

namespace ProxyFramework.Behaviour.Testbed;

/// <summary>The transport protocol of a service port.</summary>
public enum Protocol
{
    Tcp,
    Udp,
    Sctp,
}

/// <summary>The IP family, named as people say it.</summary>
public enum Family
{
    IPv4,
    IPv6,
}

public static class Families
{
    public static IReadOnlyList<Family> Both { get; } = [Family.IPv4, Family.IPv6];

    public static AddressFamily ToSockets(this Family family) =>
        family == Family.IPv4 ? AddressFamily.InterNetwork : AddressFamily.InterNetworkV6;

    public static Family FamilyOf(this IPAddress address) =>
        address.AddressFamily == AddressFamily.InterNetwork ? Family.IPv4 : Family.IPv6;
}

/// <summary>Where a connection goes.</summary>
public sealed record Target(IPAddress Address, int Port, Protocol Protocol = Protocol.Tcp)
{
    public Family Family => Address.FamilyOf();

    public IPEndPoint EndPoint => new(Address, Port);

    /// <summary>For curl and wrk.</summary>
    public string Url => $"http://{EndPoint}/";

    public Target WithPort(int port) => this with { Port = port };

    public override string ToString() => $"{Protocol} {EndPoint}";
}
