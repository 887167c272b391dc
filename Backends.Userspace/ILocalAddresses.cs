namespace ProxyFramework.Backends.Userspace;

/// <summary>Makes addresses that are on no interface this machine's own, so that sockets bound to them receive traffic.</summary>
internal interface ILocalAddresses : IDisposable
{
    /// <summary>
    /// From now on, refuses at addresses that are made local, or that an earlier run has, every port that is not admitted, as for a
    /// port at which nobody listens.
    /// </summary>
    /// <returns>Why that is not possible: what the node itself listens to on all addresses answers there then. Null where it is.</returns>
    string? Guard();

    /// <summary>Lets the socket be reached that listens there.</summary>
    /// <exception cref="BackendException">It cannot be.</exception>
    void Admit(ListenKey key);

    /// <summary>Takes that back.</summary>
    void Exclude(ListenKey key);

    /// <summary>The addresses that this mode, or an earlier run of it, has made local.</summary>
    ValueTask<IReadOnlyCollection<InetAddress>> ReadAsync(CancellationToken cancellationToken);

    /// <summary>Makes addresses local. What is so already stays so.</summary>
    /// <returns>For each address that could not be made local the reason.</returns>
    ValueTask<IReadOnlyDictionary<InetAddress, string>> AddAsync(IReadOnlyCollection<InetAddress> addresses, CancellationToken cancellationToken);

    /// <summary>Takes addresses away again. What is gone already is no error.</summary>
    /// <returns>For each address that could not be taken away the reason.</returns>
    ValueTask<IReadOnlyDictionary<InetAddress, string>> RemoveAsync(IReadOnlyCollection<InetAddress> addresses, CancellationToken cancellationToken);
}
