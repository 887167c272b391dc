using System.Net.Sockets;
using System.Text;
using ProxyFramework.Testing;
using Xunit;

namespace ProxyFramework.Userspace.Tests.Backend;

/// <summary>
/// The backend listens in a network namespace with addresses and interfaces of its own; clients are there or in another one beyond a
/// pair of veth interfaces. Endpoints are reached from the namespace of the test, where its threads are.
/// </summary>
public abstract class NamespaceTest : IDisposable
{
    protected static readonly Route ToLocal = new(TrafficPolicy.Local, false);
    protected static readonly Route ToCluster = new(TrafficPolicy.Cluster, true);

    private readonly List<BackendUnderTest> _backends = [];
    private readonly Lazy<NetworkNamespace> _outside;

    protected NamespaceTest() => _outside = new(() =>
    {
        var outside = NetworkNamespace.Create();
        Node.Exec("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", outside.Path.Split('/')[4]);
        foreach (var (space, last) in new[] { (Node, 1), (outside, 2) })
        {
            space.Exec("ip", "addr", "add", $"192.0.2.{last}/24", "dev", "eth0");
            space.Exec("ip", "addr", "add", $"2001:db8::{last}/64", "dev", "eth0", "nodad");
            space.Exec("ip", "link", "set", "eth0", "up");
        }

        outside.Exec("ip", "route", "add", "10.96.0.0/16", "via", "192.0.2.1");
        outside.Exec("ip", "-6", "route", "add", "fd00::/64", "via", "2001:db8::1");
        return outside;
    });

    protected NetworkNamespace Node { get; } = NetworkNamespace.Create();

    /// <summary>The namespace beyond the node, with 192.0.2.2 and 2001:db8::2; the node has 192.0.2.1 and 2001:db8::1 on eth0.</summary>
    protected NetworkNamespace Outside => _outside.Value;

    private protected TcpServer Server { get; } = new("a");

    private protected TcpServer Other { get; } = new("b");

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
        if (TestContext.Current.TestState?.Result == TestResult.Failed)
        {
            TestContext.Current.TestOutputHelper?.WriteLine(string.Join('\n', _backends.SelectMany(backend => backend.Lines.TakeLast(50))));
        }

        Server.Dispose();
        Other.Dispose();
        Node.Dispose();
        if (_outside.IsValueCreated)
        {
            _outside.Value.Dispose();
        }
    }

    private protected static void Apply(NodeBackend test, params ServicePort[] services) =>
        test.InNode(() => test.Test.ApplyAsync(services).GetAwaiter().GetResult());

    private protected static void Remove(NodeBackend test, params ServicePort[] services) =>
        test.InNode(() => Assert.Empty(test.Test.RemoveAsync(services).GetAwaiter().GetResult().Failures));

    private protected static void ApplyFull(NodeBackend test, params ServicePort[] services) =>
        test.InNode(() => Assert.Empty(test.Test.ApplyFullAsync(services).GetAwaiter().GetResult().Failures));

    /// <summary>Connects from a namespace and returns the name that the server says, or the error.</summary>
    private protected static string Ask(NetworkNamespace from, (InetAddress Address, ushort Port) frontend)
    {
        var endPoint = frontend.ToEndPoint();
        using var socket = from.Run(() => new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp));
        try
        {
            socket.ConnectAsync(endPoint, Wait.Limit()).AsTask().GetAwaiter().GetResult();
            var buffer = new byte[2];
            var count = socket.ReceiveAsync(buffer, Wait.Limit()).AsTask().GetAwaiter().GetResult();
            return Encoding.ASCII.GetString(buffer, 0, Math.Min(count, 1));
        }
        catch (SocketException error)
        {
            return error.SocketErrorCode.ToString();
        }
    }

    /// <summary>Sends a datagram from a namespace and returns the name that the server says, or the error.</summary>
    private protected static string AskUdp(NetworkNamespace from, (InetAddress Address, ushort Port) frontend)
    {
        var endPoint = frontend.ToEndPoint();
        using var socket = from.Run(() => new Socket(endPoint.AddressFamily, SocketType.Dgram, ProtocolType.Udp));
        try
        {
            socket.Connect(endPoint);
            socket.Send("x"u8);
            var buffer = new byte[100];
            var count = socket.ReceiveAsync(buffer, Wait.Limit()).AsTask().GetAwaiter().GetResult();
            return Encoding.ASCII.GetString(buffer, 0, count).Split(' ')[0];
        }
        catch (SocketException error)
        {
            return error.SocketErrorCode.ToString();
        }
    }

    private protected static void WaitForSynSent(NetworkNamespace space) =>
        Wait.UntilAsync(() => space.Exec("ss", "-Htn", "state", "syn-sent").Length > 0, "the client has sent its SYN").GetAwaiter().GetResult();

    private protected NodeBackend Start()
    {
        var started = Node.Run(BackendUnderTest.StartWithRoutes);
        _backends.Add(started);
        return new NodeBackend(started, Node);
    }

    protected string[] Routes(IPFamily family) =>
    [
        .. Node.Exec(
                "ip", family == IPFamily.IPv4 ? "-4" : "-6", "route", "show", "table", "local", "type", "local", "proto", "78")
            .Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' ').SkipWhile(word => word == "local").First()),
    ];

    /// <summary>The backend in the node's namespace.</summary>
    private protected sealed class NodeBackend(BackendUnderTest test, NetworkNamespace node) : IDisposable
    {
        public BackendUnderTest Test => test;

        public void InNode(Action action) => node.Run(action);

        public void Dispose() => test.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }
}
