using System.Globalization;

namespace ProxyFramework.Backends.Userspace;

/// <summary>The capabilities that this process has in effect (<c>capabilities(7)</c>), as <c>/proc/self/status</c> tells.</summary>
/// <param name="NetAdmin">CAP_NET_ADMIN: making addresses local.</param>
/// <param name="NetBindService">CAP_NET_BIND_SERVICE: ports below <c>net.ipv4.ip_unprivileged_port_start</c>.</param>
internal readonly record struct Privileges(bool NetAdmin, bool NetBindService)
{
    private const int CAP_NET_BIND_SERVICE = 10;
    private const int CAP_NET_ADMIN = 12;

    public static Privileges Read()
    {
        foreach (var line in File.ReadLines("/proc/self/status"))
        {
            if (line.StartsWith("CapEff:", StringComparison.Ordinal)
                && ulong.TryParse(line.AsSpan(7).Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var effective))
            {
                return new Privileges((effective >> CAP_NET_ADMIN & 1) != 0, (effective >> CAP_NET_BIND_SERVICE & 1) != 0);
            }
        }

        return default;
    }

    /// <summary>The first port that needs no privilege.</summary>
    public static int UnprivilegedPortStart()
    {
        try
        {
            return int.Parse(File.ReadAllText("/proc/sys/net/ipv4/ip_unprivileged_port_start"), CultureInfo.InvariantCulture);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or FormatException)
        {
            return 1024;
        }
    }
}
