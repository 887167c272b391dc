using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using ProxyFramework.Testing;

namespace ProxyFramework.Benchmarks.Nftables;

/// <summary>
/// A client, a node and a machine with all pods, each in a network namespace: how long a TCP connection through the node takes to
/// be set up, which is where rules cost something.
/// </summary>
internal sealed class FirstPacket : IDisposable
{
    private const int Connections = 3_000;
    private const ushort PodPort = 8080;

    private readonly NetworkNamespace _client = NetworkNamespace.Create();
    private readonly NetworkNamespace _pods = NetworkNamespace.Create();
    private readonly Socket _server;

    public FirstPacket()
    {
        Link(_client, "192.0.2.2", "192.0.2.1", "client");
        Link(_pods, "198.51.100.2", "198.51.100.1", "pods");
        Node.Exec("sysctl", "-qw", "net.ipv4.ip_forward=1");
        Node.Exec("ip", "route", "add", "100.64.0.0/10", "via", "198.51.100.2");
        _pods.Exec("ip", "route", "add", "local", "100.64.0.0/10", "dev", "lo");
        _server = _pods.Run(() => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp));
        _server.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        _server.Bind(new IPEndPoint(IPAddress.Any, PodPort));
        _server.Listen(4096);
        _ = AcceptAsync();
    }

    /// <summary>Where the backend programs its rules.</summary>
    public NetworkNamespace Node { get; } = NetworkNamespace.Create();

    /// <summary>Connects to services at random.</summary>
    /// <returns>p50 and p99 in microseconds.</returns>
    public (double P50, double P99) Measure(int services)
    {
        var random = new Random(1);
        return Measure(() => new IPEndPoint(Cluster.Service(random.Next(services)).ClusterIPs[0].ToIPAddress(), 80));
    }

    /// <summary>Connects to one service.</summary>
    public (double P50, double P99) MeasureOne(int service)
    {
        var target = new IPEndPoint(Cluster.Service(service).ClusterIPs[0].ToIPAddress(), 80);
        return Measure(() => target);
    }

    /// <summary>Connects to a pod, past all services.</summary>
    public (double P50, double P99) MeasureDirect() => Measure(() => new IPEndPoint(IPAddress.Parse("100.64.0.1"), PodPort));

    public void Dispose()
    {
        _server.Dispose();
        _client.Dispose();
        _pods.Dispose();
        Node.Dispose();
    }

    private (double P50, double P99) Measure(Func<IPEndPoint> next) => _client.Run(() =>
    {
        var times = new double[Connections];
        for (var i = -200; i < Connections; i++)
        {
            var target = next();
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { LingerState = new LingerOption(true, 0) };
            var started = Stopwatch.GetTimestamp();
            socket.Connect(target);
            if (i >= 0)
            {
                times[i] = Stopwatch.GetElapsedTime(started).TotalMicroseconds;
            }
        }

        Array.Sort(times);
        return (times[Connections / 2], times[Connections * 99 / 100]);
    });

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                (await _server.AcceptAsync()).Dispose();
            }
        }
        catch (Exception ended) when (ended is SocketException or ObjectDisposedException)
        {
            // The end.
        }
    }

    private void Link(NetworkNamespace peer, string address, string gateway, string device)
    {
        Node.Exec("ip", "link", "add", device, "type", "veth", "peer", "name", "eth0", "netns", Pid(peer));
        Node.Exec("ip", "address", "add", gateway + "/24", "dev", device);
        Node.Exec("ip", "link", "set", device, "up");
        peer.Exec("ip", "address", "add", address + "/24", "dev", "eth0");
        peer.Exec("ip", "link", "set", "eth0", "up");
        peer.Exec("ip", "route", "add", "default", "via", gateway);
    }

    // /proc/PID/task/TID/ns/net: a thread's number names its namespace too.
    private static string Pid(NetworkNamespace place) => place.Path.Split('/')[4].ToString(CultureInfo.InvariantCulture);
}
