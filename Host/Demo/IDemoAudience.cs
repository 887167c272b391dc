using System.Net;

namespace ProxyFramework.Host.Demo;

/// <summary>Whom the demo's servers tell what happens.</summary>
internal interface IDemoAudience
{
    /// <summary>A server answers a request.</summary>
    /// <param name="server">Which one.</param>
    /// <param name="address">Where it listens.</param>
    /// <param name="peer">Who sent the request, as the server sees it: the proxy, or a client that came without it.</param>
    /// <param name="request">Method and path.</param>
    /// <param name="isFirstOfConnection">Whether it is the first on its connection.</param>
    void RequestServed(DemoServer server, IPEndPoint address, IPEndPoint peer, string request, bool isFirstOfConnection);

    /// <summary>Something else that the viewer should see.</summary>
    void Note(string text);
}
