namespace ProxyFramework.Core.View;

/// <summary>What only one service port can have: an address, a port and a protocol. The address of node ports is unspecified.</summary>
internal readonly record struct FrontendSocket(InetAddress Address, ushort Port, TransportProtocol Protocol)
{
    public override string ToString() => Address.IsUnspecified
        ? $"node port {Port}/{Protocol.ToApiName()} ({Address.Family})"
        : Address.IsIPv4 ? $"{Address}:{Port}/{Protocol.ToApiName()}" : $"[{Address}]:{Port}/{Protocol.ToApiName()}";
}
