namespace ProxyFramework.Core.Sync;

/// <summary>A service port of which what is in force is not, or not for certain, what is wanted.</summary>
internal sealed class UnsettledServicePort
{
    /// <summary>What the backend last acknowledged; null for nothing.</summary>
    public required ServicePort? InForce { get; init; }

    /// <summary>What was asked for last without success; null where nothing was.</summary>
    public ServicePort? Attempted { get; private set; }

    /// <summary>Whether an attempt failed, so that what is in force must be asked for again even where it is what was acknowledged.</summary>
    public bool IsUncertain { get; private set; }

    /// <summary>Why the last attempt failed; null where it did not, or was not this one's fault.</summary>
    public string? Reason { get; private set; }

    /// <summary>How many attempts at what is wanted now have failed.</summary>
    public int Attempts { get; private set; }

    /// <summary>When to try again; null where it goes out with the next change set.</summary>
    public DateTimeOffset? RetryAt { get; private set; }

    /// <summary>The change to hand over, to what is wanted.</summary>
    public ServicePortChange ChangeTo(ServicePort? after) => new(after is null ? InForce ?? Attempted : InForce, after);

    /// <summary>Something else is wanted now: the wait is over.</summary>
    public void WantAnother()
    {
        Attempts = 0;
        RetryAt = null;
    }

    /// <summary>The backend refused this one.</summary>
    public void Fail(ServicePort? attempted, string reason, DateTimeOffset now, Backoff backoff)
    {
        BecomeUncertain(attempted);
        Reason = reason;
        Attempts++;
        RetryAt = now + backoff.After(Attempts);
    }

    /// <summary>Nobody knows how the attempt ended.</summary>
    public void BecomeUncertain(ServicePort? attempted)
    {
        IsUncertain = true;
        Attempted = attempted ?? Attempted;
    }
}
