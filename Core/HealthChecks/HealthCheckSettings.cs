namespace ProxyFramework.Core.HealthChecks;

/// <summary>When endpoints are asked and what follows. Immutable.</summary>
internal sealed record HealthCheckSettings
{
    /// <summary>The options that the framework takes, whatever the check is.</summary>
    public static readonly string[] Names = ["interval", "timeout", "rise", "fall", "slow-start", "panic", "port"];

    /// <summary>The time between two probes of an endpoint, 100 ms…1 hour; a tenth more or less, at random.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long a probe may take, 10 ms…1 minute.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Successes in a row that make a sick endpoint healthy.</summary>
    public int Rise { get; init; } = 2;

    /// <summary>Failures in a row that make a healthy endpoint sick.</summary>
    public int Fall { get; init; } = 3;

    /// <summary>For how long an endpoint that is healthy again, or has just joined others, has only part of its weight; 0 for not at all.</summary>
    public TimeSpan SlowStart { get; init; }

    /// <summary>Where fewer than so many percent are healthy, all are used; 0 for never. As Envoy's panic threshold, 50 unless set.</summary>
    public int PanicPercent { get; init; } = 50;

    /// <summary>The port to ask at; 0 for the endpoint's own.</summary>
    public ushort Port { get; init; }

    /// <summary>These settings with what options say.</summary>
    /// <exception cref="ArgumentException">One is not known or out of range.</exception>
    public HealthCheckSettings With(IReadOnlyDictionary<string, string> options)
    {
        var read = new OptionReader(options, Names);
        return new HealthCheckSettings
        {
            Interval = read.Duration("interval", Interval, TimeSpan.FromMilliseconds(100), TimeSpan.FromHours(1)),
            Timeout = read.Duration("timeout", Timeout, TimeSpan.FromMilliseconds(10), TimeSpan.FromMinutes(1)),
            Rise = read.WholeNumber("rise", Rise, 1, 100),
            Fall = read.WholeNumber("fall", Fall, 1, 100),
            SlowStart = read.Duration("slow-start", SlowStart, TimeSpan.Zero, TimeSpan.FromHours(1)),
            PanicPercent = read.WholeNumber("panic", PanicPercent, 0, 100),
            Port = (ushort)read.WholeNumber("port", Port, 1, 65535),
        };
    }
}
