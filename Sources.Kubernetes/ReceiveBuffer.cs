using System.Buffers;

namespace ProxyFramework.Sources.Kubernetes;

/// <summary>
/// Bytes as they come from the server, in one pooled array: what has been read and not used yet is one span, however it was cut on the
/// way. It grows to the largest object, and gives the array back when it is done.
/// </summary>
/// <param name="stream">The body of a response; disposed with this.</param>
internal sealed class ReceiveBuffer(Stream stream) : IAsyncDisposable
{
    private const int InitialSize = 32 * 1024;

    /// <summary>An object has 1.5 MiB at most (etcd's limit); far more is no API server.</summary>
    private const int MaxSize = 64 * 1024 * 1024;

    private byte[] _bytes = ArrayPool<byte>.Shared.Rent(InitialSize);
    private int _start;
    private int _end;

    /// <summary>What has come and not been used.</summary>
    public ReadOnlySpan<byte> Unread => _bytes.AsSpan(_start, _end - _start);

    /// <summary>Whether the server has ended the body: nothing more will come.</summary>
    public bool IsAtEnd { get; private set; }

    /// <summary>Takes note that so many bytes have been used.</summary>
    public void Advance(int count) => _start += count;

    /// <summary>Waits for more bytes, or for the end.</summary>
    /// <param name="limit">How long nothing may come.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="TimeoutException">Nothing came for too long.</exception>
    public async ValueTask FillAsync(TimeSpan limit, CancellationToken cancellationToken)
    {
        MakeRoom();
        using var late = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        late.CancelAfter(limit);
        try
        {
            var count = await stream.ReadAsync(_bytes.AsMemory(_end), late.Token).ConfigureAwait(false);
            _end += count;
            IsAtEnd = count == 0;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"nothing has come from the API server for {limit.TotalSeconds:0.#} s");
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await stream.DisposeAsync().ConfigureAwait(false);
        ArrayPool<byte>.Shared.Return(_bytes);
        _bytes = [];
        _start = _end = 0;
    }

    private void MakeRoom()
    {
        var unread = _end - _start;
        if (unread == 0)
        {
            _start = _end = 0;
        }

        if (_end < _bytes.Length)
        {
            return;
        }

        if (unread > _bytes.Length / 2)
        {
            if (unread >= MaxSize)
            {
                throw new InvalidDataException($"the API server sent an object of more than {MaxSize / (1024 * 1024)} MiB");
            }

            var larger = ArrayPool<byte>.Shared.Rent(_bytes.Length * 2);
            Unread.CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_bytes);
            _bytes = larger;
        }
        else
        {
            Unread.CopyTo(_bytes);
        }

        (_start, _end) = (0, unread);
    }
}
