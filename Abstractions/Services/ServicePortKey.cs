namespace ProxyFramework;

/// <summary>What identifies a <see cref="ServicePort"/>: one port of one Service, in one IP family.</summary>
/// <param name="Service">The Service's namespace and name.</param>
/// <param name="PortName"><c>spec.ports[].name</c>; empty for the only port of a Service.</param>
/// <param name="Protocol">The transport protocol. A port that changes its protocol is another service port.</param>
/// <param name="Family">The IP family. A dual-stack Service has one service port for each family.</param>
public readonly record struct ServicePortKey(NamespacedName Service, string PortName, TransportProtocol Protocol, IPFamily Family)
{
    /// <summary><c>namespace/name:port/TCP/IPv4</c>; for messages and rule comments.</summary>
    public override string ToString() => PortName.Length == 0
        ? $"{Service}/{Protocol.ToApiName()}/{Family}"
        : $"{Service}:{PortName}/{Protocol.ToApiName()}/{Family}";
}
