namespace ProxyFramework.Netlink;

/// <summary>What carries messages to the kernel and back; a test puts its own in the kernel's place.</summary>
internal interface INetlinkTransport : IDisposable
{
    /// <summary>Sends whole messages in one system call.</summary>
    void Send(ReadOnlySpan<byte> messages);

    /// <summary>Receives whole messages.</summary>
    /// <param name="buffer">Where to.</param>
    /// <param name="wait">Whether to wait for some.</param>
    /// <returns>The number of bytes; 0 where there are none and the caller does not wait.</returns>
    int Receive(Span<byte> buffer, bool wait);
}
