using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using System.Text;
using ProxyFramework.Backends.Iptables;
using ProxyFramework.Nftables.Tests;
using ProxyFramework.Testing;

namespace ProxyFramework.Iptables.Tests.Kernel;

/// <summary>A network namespace with the backend in it, called as the sync loop calls it, and servers that are endpoints.</summary>
internal sealed class Node : BackendNode<IptablesBackend>
{
    private const ushort EndpointPort = 8080;

    private readonly List<Socket> _servers = [];

    public Node()
        : base(new Schedulers())
    {
        // Service addresses are routed, so that connections from here get as far as the rules.
        Namespace.Exec("ip", "address", "add", "10.0.1.1/32", "dev", "lo");
        Namespace.Exec("ip", "route", "add", "10.96.0.0/16", "dev", "lo", "src", "10.0.1.1");
    }

    /// <summary>Serves an endpoint.</summary>
    public void Serve(string address)
    {
        Namespace.Exec("ip", "address", "add", address + "/32", "dev", "lo");
        var server = Namespace.Run(() => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp));
        server.Bind(new IPEndPoint(IPAddress.Parse(address), EndpointPort));
        server.Listen(1024);
        _servers.Add(server);
        _ = AcceptAsync(server);
    }

    /// <summary>Sockets to connect from this node with, from any thread.</summary>
    public List<Socket> Sockets(int count) => Namespace.Run(() => Enumerable.Range(0, count).Select(static _ =>
        new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { LingerState = new LingerOption(true, 0) }).ToList());

    /// <summary>Whether an endpoint takes a connection to a service.</summary>
    public static bool Connects(Socket socket, string address)
    {
        try
        {
            socket.Connect(new IPEndPoint(IPAddress.Parse(address), 80));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    /// <summary>The endpoint that takes a connection of a client.</summary>
    public string EndpointOf(string service, IPAddress client)
    {
        using var socket = Namespace.Run(static () => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp));
        socket.Bind(new IPEndPoint(client, 0));
        socket.Connect(new IPEndPoint(IPAddress.Parse(service), 80));
        var name = new byte[16];
        return Encoding.ASCII.GetString(name, 0, socket.Receive(name));
    }

    /// <summary>Starts the backend anew, after ending a former one, and hands over everything.</summary>
    public async Task<SyncResult> RunAsync(string flavour, params ImmutableArray<ServicePort> services)
    {
        await StartAsync(("flavour", flavour), ("canary-seconds", "3600"));
        return ApplyAll(services);
    }

    /// <summary>All rules of a flavour, without counters, in an order that does not depend on how they came there.</summary>
    public string Save(string flavour) => string.Join('\n', new[] { "iptables", "ip6tables" }.SelectMany(family =>
    {
        var (table, chains) = ("", new SortedDictionary<string, List<string>>(StringComparer.Ordinal));
        foreach (var line in Namespace.Exec($"{family}-{flavour}-save").Split('\n'))
        {
            if (line.StartsWith('*'))
            {
                table = line;
            }
            else if (line.StartsWith(':'))
            {
                chains[$"{table} {line[1..line.IndexOf(' ', StringComparison.Ordinal)]}"] = [];
            }
            else if (line.StartsWith("-A ", StringComparison.Ordinal))
            {
                chains[$"{table} {line.Split(' ')[1]}"].Add(line);
            }
        }

        // A base chain without rules is as good as none.
        return chains.Where(static chain => chain.Value.Count > 0 || chain.Key.Contains("KUBE-", StringComparison.Ordinal)).SelectMany(chain => chain.Value.Prepend($"{family} {chain.Key}"));
    }));

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        _servers.ForEach(static server => server.Dispose());
    }

    private static async Task AcceptAsync(Socket server)
    {
        try
        {
            while (true)
            {
                using var connection = await server.AcceptAsync();
                await connection.SendAsync(Encoding.ASCII.GetBytes(((IPEndPoint)connection.LocalEndPoint!).Address.ToString()));
            }
        }
        catch (Exception ended) when (ended is SocketException or ObjectDisposedException)
        {
            // The end.
        }
    }
}
