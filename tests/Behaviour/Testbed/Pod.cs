using System.Net;

namespace ProxyFramework.Behaviour.Testbed;

/// <summary>A pod: a place that also serves, on <see cref="WebPort"/> and <see cref="AdminPort"/>, TCP and UDP, both families.</summary>
public sealed class Pod : Place, IAsyncDisposable
{
    public const int WebPort = 8080;
    public const int AdminPort = 9090;

    private readonly IdentityServer _server;

    public Pod(string name, string node, NetworkNamespace ns, IPAddress ipv4, IPAddress ipv6)
        : base(name, ns, ipv4, ipv6)
    {
        Node = node;
        _server = new IdentityServer(name);
        ns.Run(() =>
        {
            foreach (var family in Families.Both)
            {
                _server.Listen(Address(family), WebPort);
                _server.Listen(Address(family), AdminPort);
            }

            return true;
        });
    }

    /// <summary>The name of the node that it runs on.</summary>
    public string Node { get; }

    /// <summary>How many requests and datagrams its servers have answered.</summary>
    public int Requests => _server.Requests;

    /// <summary>Whether its servers accept connections and datagrams, and answer none of them.</summary>
    public bool IsHung
    {
        get => _server.IsHung;
        set => _server.IsHung = value;
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();
}
