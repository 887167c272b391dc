using System.Net;

namespace ProxyFramework.Host.Demo;

/// <summary>Whom the demo's servers tell what happens.</summary>
internal interface IDemoAudience
{
    /// <summary>A server answers a request.</summary>
    /// <param name="address">Where the server listens.</param>
    /// <param name="peer">Who sent the request, as the server sees it: the proxy, or a client that came without it.</param>
    /// <param name="request">Method and path.</param>
    void RequestServed(IPEndPoint address, IPEndPoint peer, string request);

    /// <summary>Something else that the viewer should see.</summary>
    void Note(string text);
}
