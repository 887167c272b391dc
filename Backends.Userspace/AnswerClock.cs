namespace ProxyFramework.Backends.Userspace;

/// <summary>
/// Measures how long an endpoint takes to answer: from the last thing that its client sent to the first that comes back. Where both sides talk at
/// once it sees short times, and nothing where only the endpoint does. One side calls <see cref="Asked"/>, another may call <see cref="Answered"/>
/// at the same moment.
/// </summary>
internal struct AnswerClock(TimeProvider time)
{
    private long _askedAt;

    /// <summary>Something was sent.</summary>
    public void Asked() => Volatile.Write(ref _askedAt, time.GetTimestamp());

    /// <summary>Something came back.</summary>
    public void Answered(EndpointLoad load)
    {
        if (Volatile.Read(ref _askedAt) != 0 && Interlocked.Exchange(ref _askedAt, 0) is var asked and not 0)
        {
            load.AnswerReceived(time.GetElapsedTime(asked));
        }
    }
}
