namespace ProxyFramework;

/// <summary>A transport protocol that a service port can have (<c>spec.ports[].protocol</c>); the value is the IANA protocol number.</summary>
public enum TransportProtocol : byte
{
    /// <summary>Transmission Control Protocol (RFC 9293).</summary>
    Tcp = 6,

    /// <summary>User Datagram Protocol (RFC 768).</summary>
    Udp = 17,

    /// <summary>Stream Control Transmission Protocol (RFC 9260).</summary>
    Sctp = 132,
}

/// <summary>The names that the Kubernetes API gives to protocols.</summary>
public static class TransportProtocols
{
    /// <summary>The API's spelling: <c>TCP</c>, <c>UDP</c> or <c>SCTP</c>.</summary>
    public static string ToApiName(this TransportProtocol protocol) => protocol switch
    {
        TransportProtocol.Tcp => "TCP",
        TransportProtocol.Udp => "UDP",
        TransportProtocol.Sctp => "SCTP",
        _ => throw new ArgumentOutOfRangeException(nameof(protocol), protocol, "not a transport protocol of the Kubernetes API"),
    };

    /// <summary>Reads the API's spelling, which is case-sensitive.</summary>
    /// <returns>False where <paramref name="name"/> is none of <c>TCP</c>, <c>UDP</c>, <c>SCTP</c>.</returns>
    public static bool TryParseApiName(string? name, out TransportProtocol protocol)
    {
        (var found, protocol) = name switch
        {
            "TCP" => (true, TransportProtocol.Tcp),
            "UDP" => (true, TransportProtocol.Udp),
            "SCTP" => (true, TransportProtocol.Sctp),
            _ => (false, default),
        };
        return found;
    }
}
