namespace ProxyFramework.Netlink.Tests.Core;

/// <summary>Stands in for the kernel: answers each send with what the test prepared for it.</summary>
internal sealed class FakeKernel(Func<byte[], IEnumerable<object>> answer) : INetlinkTransport
{
    private readonly Queue<object> _queue = new();

    public int Sends { get; private set; }

    public void Send(ReadOnlySpan<byte> messages)
    {
        Sends++;
        foreach (var datagram in answer(messages.ToArray()))
        {
            _queue.Enqueue(datagram);
        }
    }

    public int Receive(Span<byte> buffer, bool wait)
    {
        if (!_queue.TryDequeue(out var next))
        {
            return wait ? throw new NetlinkException("recvfrom", Errno.ETIMEDOUT) : 0;
        }

        if (next is Exception failure)
        {
            throw failure;
        }

        var datagram = (byte[])next;
        datagram.CopyTo(buffer);
        return datagram.Length;
    }

    public void Dispose()
    {
    }
}
