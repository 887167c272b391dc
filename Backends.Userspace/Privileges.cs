using System.Globalization;

namespace ProxyFramework.Backends.Userspace;

/// <summary>The capabilities that the calling thread has in effect (<c>capabilities(7)</c>), as <c>/proc/thread-self/status</c> tells.</summary>
/// <param name="NetAdmin">CAP_NET_ADMIN: making addresses local.</param>
/// <param name="NetBindService">CAP_NET_BIND_SERVICE: ports below <c>net.ipv4.ip_unprivileged_port_start</c>.</param>
/// <param name="Bpf">CAP_BPF, or CAP_SYS_ADMIN, which includes it: keeping the node's daemons off service addresses.</param>
internal readonly record struct Privileges(bool NetAdmin, bool NetBindService, bool Bpf)
{
    private const int CAP_NET_BIND_SERVICE = 10;
    private const int CAP_NET_ADMIN = 12;
    private const int CAP_SYS_ADMIN = 21;
    private const int CAP_BPF = 39;

    public static Privileges Read()
    {
        foreach (var line in File.ReadLines("/proc/thread-self/status"))
        {
            if (line.StartsWith("CapEff:", StringComparison.Ordinal)
                && ulong.TryParse(line.AsSpan(7).Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var effective))
            {
                bool Has(int capability) => (effective >> capability & 1) != 0;
                return new Privileges(Has(CAP_NET_ADMIN), Has(CAP_NET_BIND_SERVICE), Has(CAP_BPF) || Has(CAP_SYS_ADMIN));
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
