using System.Collections.Immutable;

namespace ProxyFramework.Core;

/// <summary>The addresses of this machine's interfaces, of both families, loopback included.</summary>
public interface IInterfaceAddresses
{
    /// <summary>The addresses as they are now, and then each time that they have changed; ordered, without duplicates.</summary>
    IAsyncEnumerable<ImmutableArray<InetAddress>> WatchAsync(CancellationToken cancellationToken);
}
