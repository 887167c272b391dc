namespace ProxyFramework.Core.HealthChecks;

/// <summary>One endpoint under check: what has been answered, and what follows. Not thread-safe: the prober's lock guards it.</summary>
internal sealed class CheckedEndpoint(CheckedServicePort owner, InetAddress address, ushort port, long? joinedAt)
{
    /// <summary>A ramp has so many steps.</summary>
    private const int Steps = 10;

    private int _successes;
    private int _failures;
    private long? _rampingSince = joinedAt;

    public CheckedServicePort Owner { get; } = owner;

    public InetAddress Address { get; } = address;

    public ushort Port { get; } = port;

    /// <summary>Healthy until too many probes have failed: Kubernetes calls it ready, and that is the authority.</summary>
    public bool IsHealthy { get; private set; } = true;

    /// <summary>Whether a probe has not ended, not even by being cancelled.</summary>
    public bool IsAsked { get; set; }

    /// <summary>The share of its weight that was last passed on, in percent.</summary>
    public int PublishedShare { get; set; } = View.EndpointVerdicts.Full;

    /// <summary>Takes over what is known of the endpoint from another check of it.</summary>
    public void CarryOver(CheckedEndpoint before)
    {
        (IsHealthy, PublishedShare, _rampingSince) = (before.IsHealthy, before.PublishedShare, before._rampingSince);
    }

    /// <summary>Takes an answer.</summary>
    /// <returns>Whether the verdict is another than before.</returns>
    public bool Observe(bool isHealthy, long now)
    {
        (_successes, _failures) = isHealthy ? (_successes + 1, 0) : (0, _failures + 1);
        var settings = Owner.Settings;
        if (IsHealthy ? _failures < settings.Fall : _successes < settings.Rise)
        {
            return false;
        }

        IsHealthy = !IsHealthy;
        _rampingSince = IsHealthy ? now : null;
        return true;
    }

    /// <summary>The share of its weight that it is to have now, in percent.</summary>
    public int ShareAt(long now, TimeProvider time)
    {
        if (!IsHealthy || _rampingSince is not { } since)
        {
            return IsHealthy ? View.EndpointVerdicts.Full : 0;
        }

        var done = Owner.Settings.SlowStart <= TimeSpan.Zero ? 1 : time.GetElapsedTime(since, now) / Owner.Settings.SlowStart;
        if (done >= 1)
        {
            _rampingSince = null;
            return View.EndpointVerdicts.Full;
        }

        return View.EndpointVerdicts.Full / Steps * Math.Max(1, (int)(done * Steps));
    }
}
