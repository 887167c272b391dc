using Microsoft.Extensions.Configuration;

namespace ProxyFramework.Backends.Userspace;

/// <summary>The settings of this mode (<c>userspace:…</c> in the configuration), with their defaults.</summary>
internal sealed record UserspaceSettings
{
    /// <summary>
    /// <c>connect-timeout</c>: how long an endpoint may take to accept, 10 ms…1 min. The default leaves room for one lost SYN,
    /// which is sent again after 1 s (RFC 6298 §2).
    /// </summary>
    public TimeSpan ConnectTimeout { get; private init; } = TimeSpan.FromSeconds(3);

    /// <summary><c>connect-retries</c>: other endpoints to try where the Service has no annotation <c>retries</c>, 0…10.</summary>
    public int ConnectRetries { get; private init; } = 2;

    /// <summary><c>udp-timeout</c>: how long a flow without any reply stays, as <c>nf_conntrack_udp_timeout</c>.</summary>
    public TimeSpan UdpTimeout { get; private init; } = TimeSpan.FromSeconds(30);

    /// <summary><c>udp-stream-timeout</c>: how long a flow that was replied to stays. At least 2 min are advised (RFC 4787 §4.3).</summary>
    public TimeSpan UdpStreamTimeout { get; private init; } = TimeSpan.FromSeconds(180);

    /// <summary><c>udp-flows</c>: the most UDP flows at a time, each of which takes a file descriptor; 0 for a quarter of the limit.</summary>
    public int UdpFlows { get; private init; }

    /// <summary><c>affinity-clients</c>: the most client addresses that a service port remembers; the one seen longest ago is forgotten.</summary>
    public int AffinityClients { get; private init; } = 65_536;

    /// <summary><c>shutdown-drain</c>: how long open connections may go on when the proxy ends.</summary>
    public TimeSpan ShutdownDrain { get; private init; } = TimeSpan.Zero;

    /// <summary>Reads the section.</summary>
    /// <exception cref="BackendException">Settings that are unknown or invalid; all of them are named.</exception>
    public static UserspaceSettings Read(IConfiguration section) => OptionReader.ReadSettings(section, "userspace", ["connect-timeout", "connect-retries", "udp-timeout", "udp-stream-timeout", "udp-flows", "affinity-clients", "shutdown-drain"], static read =>
    {
        var defaults = new UserspaceSettings();
        return defaults with
        {
            ConnectTimeout = read.Duration("connect-timeout", defaults.ConnectTimeout, TimeSpan.FromMilliseconds(10), TimeSpan.FromMinutes(1)),
            ConnectRetries = read.WholeNumber("connect-retries", defaults.ConnectRetries, 0, 10),
            UdpTimeout = read.Duration("udp-timeout", defaults.UdpTimeout, TimeSpan.FromMilliseconds(100), TimeSpan.FromDays(1)),
            UdpStreamTimeout = read.Duration("udp-stream-timeout", defaults.UdpStreamTimeout, TimeSpan.FromMilliseconds(100), TimeSpan.FromDays(1)),
            UdpFlows = read.WholeNumber("udp-flows", defaults.UdpFlows, 0, 10_000_000),
            AffinityClients = read.WholeNumber("affinity-clients", defaults.AffinityClients, 1, 10_000_000),
            ShutdownDrain = read.Duration("shutdown-drain", defaults.ShutdownDrain, TimeSpan.Zero, TimeSpan.FromHours(1)),
        };
    });
}
