using System.Buffers;
using System.Globalization;
using Microsoft.Extensions.Configuration;

namespace ProxyFramework.Backends.Userspace;

/// <summary>The settings of this mode (<c>userspace:…</c> in the configuration), with their defaults.</summary>
internal sealed record UserspaceSettings
{
    private static readonly SearchValues<char> NumberCharacters = SearchValues.Create("0123456789.");

    /// <summary>
    /// <c>connect-timeout</c>: how long an endpoint may take to accept, 10 ms…1 min. The default leaves room for one lost SYN,
    /// which is sent again after 1 s (RFC 6298 §2).
    /// </summary>
    public TimeSpan ConnectTimeout { get; private set; } = TimeSpan.FromSeconds(3);

    /// <summary><c>connect-retries</c>: other endpoints to try where the Service has no annotation <c>retries</c>, 0…10.</summary>
    public int ConnectRetries { get; private set; } = 2;

    /// <summary><c>udp-timeout</c>: how long a flow without any reply stays, as <c>nf_conntrack_udp_timeout</c>.</summary>
    public TimeSpan UdpTimeout { get; private set; } = TimeSpan.FromSeconds(30);

    /// <summary><c>udp-stream-timeout</c>: how long a flow that was replied to stays. At least 2 min are advised (RFC 4787 §4.3).</summary>
    public TimeSpan UdpStreamTimeout { get; private set; } = TimeSpan.FromSeconds(180);

    /// <summary><c>udp-flows</c>: the most UDP flows at a time, each of which takes a file descriptor; 0 for a quarter of the limit.</summary>
    public int UdpFlows { get; private set; }

    /// <summary><c>affinity-clients</c>: the most client addresses that a service port remembers; the one seen longest ago is forgotten.</summary>
    public int AffinityClients { get; private set; } = 65_536;

    /// <summary><c>shutdown-drain</c>: how long open connections may go on when the proxy ends.</summary>
    public TimeSpan ShutdownDrain { get; private set; } = TimeSpan.Zero;

    /// <summary>Reads the section.</summary>
    /// <exception cref="BackendException">Settings that are unknown or invalid; all of them are named.</exception>
    public static UserspaceSettings Read(IConfiguration section)
    {
        var settings = new UserspaceSettings();
        var problems = new List<string>();
        foreach (var setting in section.GetChildren())
        {
            var problem = settings.Apply(setting.Key, setting.Value ?? "");
            if (problem is not null)
            {
                problems.Add($"userspace:{setting.Key}: {problem}");
            }
        }

        return problems.Count == 0 ? settings : throw new BackendException(string.Join("; ", problems));
    }

    /// <summary>Reads a duration as Kubernetes writes it (<c>1m30s</c>, <c>250ms</c>), or <c>hh:mm:ss</c>.</summary>
    internal static bool TryParseDuration(string text, out TimeSpan duration)
    {
        if (text.Contains(':', StringComparison.Ordinal))
        {
            return TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out duration) && duration >= TimeSpan.Zero;
        }

        duration = TimeSpan.Zero;
        var rest = text.AsSpan();
        if (rest is "0")
        {
            return true;
        }

        while (!rest.IsEmpty)
        {
            var digits = rest.IndexOfAnyExcept(NumberCharacters);
            if (digits <= 0 || !double.TryParse(rest[..digits], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number))
            {
                return false;
            }

            rest = rest[digits..];
            var letters = rest.IndexOfAny(NumberCharacters);
            var unit = letters < 0 ? rest : rest[..letters];
            var milliseconds = unit switch { "ms" => 1, "s" => 1_000, "m" => 60_000, "h" => 3_600_000, _ => 0 };
            if (milliseconds == 0 || number * milliseconds > TimeSpan.FromDays(365).TotalMilliseconds)
            {
                return false;
            }

            duration += TimeSpan.FromMilliseconds(number * milliseconds);
            rest = rest[unit.Length..];
        }

        return text.Length > 0;
    }

    private string? Apply(string name, string value) => name.ToLowerInvariant() switch
    {
        "connect-timeout" => Duration(value, TimeSpan.FromMilliseconds(10), TimeSpan.FromMinutes(1), parsed => ConnectTimeout = parsed),
        "connect-retries" => Number(value, 0, 10, parsed => ConnectRetries = parsed),
        "udp-timeout" => Duration(value, TimeSpan.FromMilliseconds(100), TimeSpan.FromDays(1), parsed => UdpTimeout = parsed),
        "udp-stream-timeout" => Duration(value, TimeSpan.FromMilliseconds(100), TimeSpan.FromDays(1), parsed => UdpStreamTimeout = parsed),
        "udp-flows" => Number(value, 0, 10_000_000, parsed => UdpFlows = parsed),
        "affinity-clients" => Number(value, 1, 10_000_000, parsed => AffinityClients = parsed),
        "shutdown-drain" => Duration(value, TimeSpan.Zero, TimeSpan.FromHours(1), parsed => ShutdownDrain = parsed),
        _ => "this mode has no such setting; it has connect-timeout, connect-retries, udp-timeout, udp-stream-timeout, udp-flows, "
            + "affinity-clients and shutdown-drain",
    };

    private static string? Duration(string value, TimeSpan least, TimeSpan most, Action<TimeSpan> set)
    {
        if (!TryParseDuration(value, out var duration) || duration < least || duration > most)
        {
            return $"'{value}' is not a duration between {least} and {most}, such as 1m30s or 250ms";
        }

        set(duration);
        return null;
    }

    private static string? Number(string value, int least, int most, Action<int> set)
    {
        if (!int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number < least || number > most)
        {
            return $"'{value}' is not a whole number between {least} and {most}";
        }

        set(number);
        return null;
    }
}
