using System.Net;

namespace ProxyFramework.Userspace.Tests.Backend;

/// <summary>TCP servers named a, b, c…, in the order of their endpoints in a group.</summary>
internal sealed class Servers : IDisposable
{
    private readonly List<TcpServer> _servers;

    public Servers(int count) =>
        _servers = [.. Enumerable.Range(0, count).Select(index => new TcpServer(((char)('a' + index)).ToString(), address: IPAddress.Parse($"127.0.0.{index + 1}")))];

    public IEnumerable<IPEndPoint> EndPoints => _servers.Select(server => server.EndPoint);

    public TcpServer this[int index] => _servers[index];

    public void Dispose() => _servers.ForEach(server => server.Dispose());
}
