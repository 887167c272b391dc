using System.Globalization;

namespace ProxyFramework.Behaviour.Testbed;

/// <summary>
/// How slow the machine is: <c>SVCPROXY_PACE</c> multiplies every time that the testbed and scenarios wait, and those that they ask
/// services to keep. 1 unless set; an emulated machine needs more.
/// </summary>
public static class Pace
{
    /// <summary>The factor, at least 1.</summary>
    public static int Factor { get; } =
        int.TryParse(Environment.GetEnvironmentVariable("SVCPROXY_PACE"), NumberStyles.None, CultureInfo.InvariantCulture, out var factor) && factor > 0 ? factor : 1;

    /// <summary>So many seconds at full speed.</summary>
    public static TimeSpan Seconds(double seconds) => TimeSpan.FromSeconds(seconds * Factor);

    /// <summary>A limit for what should not take so many seconds at full speed. It costs nothing while all is well, so it is generous.</summary>
    public static TimeSpan Limit(double seconds) => Seconds(seconds * Factor);
}
