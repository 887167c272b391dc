using ProxyFramework.Backends.Ipvs;
using ProxyFramework.Testing;

namespace ProxyFramework.Ipvs.Tests.Kernel;

/// <summary>
/// A node with the backend in it, called as the sync loop calls it; a client beyond it at 192.0.2.2, and pods 10.0.0.1…9 behind it.
/// Each is a network namespace.
/// </summary>
internal sealed class Node : BackendNode<IpvsBackend>
{
    public const string ClientAddress = "192.0.2.2";

    public Node()
        : base(new Services.NoPlugins())
    {
        State = new() { NodePortAddresses = [InetAddress.Parse("192.0.2.1")], InterfaceAddresses = [InetAddress.Parse("192.0.2.1")] };
        Join(Client, "eth0", "client", "192.0.2.1/24", ClientAddress + "/24");
        Join(Pods, "eth1", "pods", "172.18.0.1/24", "172.18.0.2/24");
        Namespace.Exec("ip", "route", "add", "10.0.0.0/24", "via", "172.18.0.2");
        Namespace.Run(() => File.WriteAllText("/proc/sys/net/ipv4/ip_forward", "1"));
        Client.Exec("ip", "route", "add", "default", "via", "192.0.2.1");
        Pods.Exec("ip", "route", "add", "default", "via", "172.18.0.1");
        Pods.Exec("ip", "route", "add", "local", "10.0.0.0/24", "dev", "lo");
    }

    public NetworkNamespace Client { get; } = NetworkNamespace.Create();

    public NetworkNamespace Pods { get; } = NetworkNamespace.Create();

    public async Task CleanupAsync(params (string Name, string Value)[] settings)
    {
        await StopAsync();
        Cleanup(settings);
    }

    /// <summary>The virtual and real servers as <c>ipvsadm</c> saves them, ordered.</summary>
    public string[] Servers() => [.. Namespace.Exec("ipvsadm", "-Sn").Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Order(StringComparer.Ordinal)];

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        Pods.Dispose();
        Client.Dispose();
    }

    private void Join(NetworkNamespace other, string name, string peer, string address, string peerAddress)
    {
        Namespace.Exec("ip", "link", "add", name, "type", "veth", "peer", "name", peer);
        Namespace.Exec("ip", "link", "set", peer, "netns", other.Path);
        Namespace.Exec("ip", "address", "add", address, "dev", name);
        Namespace.Exec("ip", "link", "set", name, "up");
        other.Exec("ip", "address", "add", peerAddress, "dev", peer);
        other.Exec("ip", "link", "set", peer, "up");
    }
}
