using System.Globalization;
using ProxyFramework.Netlink.Ipvs;

namespace ProxyFramework.Backends.Ipvs.Kernel;

/// <summary>What the kernel must be told beside virtual servers: sysctls and the timeouts of connections; and what it was told before.</summary>
internal static class NodeSettings
{
    private const string Prefix = "was: ";
    private const string Timeouts = "timeouts";
    private const string Ipvs = "/proc/sys/net/ipv4/vs/";
    private const string Arp = "/proc/sys/net/ipv4/conf/all/";

    /// <summary>Documentation/networking/ipvs-sysctl.rst, ip-sysctl.rst. The last part of a path is its name in the record.</summary>
    private static readonly string[] Paths =
        [Ipvs + "conntrack", Ipvs + "expire_nodest_conn", Ipvs + "expire_quiescent_template", Ipvs + "conn_reuse_mode", Arp + "arp_ignore", Arp + "arp_announce"];

    /// <summary>
    /// A source port that is used again is a new connection. Before Linux 5.9 that delayed it by a second where connection tracking
    /// is used (commit f0a5e4d7a594), so that the lesser evil there is that it can reach a server of weight 0.
    /// </summary>
    private static string ConnReuseMode => Environment.OSVersion.Version >= new Version(5, 9) ? "1" : "0";

    /// <summary>What there is, as <see cref="Restore"/> takes it. It fits into a comment of nftables (128 bytes).</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static string Read(IpvsNetlink ipvs)
    {
        var timeouts = ipvs.GetTimeouts();
        var values = Paths.Where(File.Exists).Select(static path => $"{Path.GetFileName(path)}={File.ReadAllText(path).Trim()}");
        return Prefix + string.Join(',', values) + string.Create(
            CultureInfo.InvariantCulture, $",{Timeouts}={timeouts.Tcp.TotalSeconds}/{timeouts.TcpFin.TotalSeconds}/{timeouts.Udp.TotalSeconds}");
    }

    /// <summary>Sets what is wanted.</summary>
    /// <exception cref="BackendException">It cannot be set.</exception>
    public static void Set(IpvsNetlink ipvs, IpvsSettings settings)
    {
        // Connection tracking sees the connections, so that they can be masqueraded.
        Write(Ipvs + "conntrack", "1");

        // A client whose server is gone, or takes nothing new, gets another at once.
        Write(Ipvs + "expire_nodest_conn", "1");
        Write(Ipvs + "expire_quiescent_template", "1");
        Write(Ipvs + "conn_reuse_mode", ConnReuseMode);
        if (settings.StrictArp)
        {
            Write(Arp + "arp_ignore", "1");
            Write(Arp + "arp_announce", "2");
        }

        if (settings.Timeouts != default)
        {
            ipvs.SetTimeouts(settings.Timeouts);
        }
    }

    /// <summary>Sets what there was.</summary>
    /// <param name="ipvs">For the timeouts.</param>
    /// <param name="record">What <see cref="Read"/> returned.</param>
    /// <exception cref="BackendException">It cannot be set.</exception>
    public static void Restore(IpvsNetlink ipvs, string record)
    {
        if (!record.StartsWith(Prefix, StringComparison.Ordinal))
        {
            return;
        }

        foreach (var pair in record[Prefix.Length..].Split(',').Select(static pair => pair.Split('=')).Where(static pair => pair.Length == 2))
        {
            if (pair[0] == Timeouts)
            {
                var seconds = pair[1].Split('/').Select(static part => TimeSpan.FromSeconds(int.Parse(part, CultureInfo.InvariantCulture))).ToArray();
                ipvs.SetTimeouts(new IpvsTimeouts(seconds[0], seconds[1], seconds[2]));
            }
            else if (Array.Find(Paths, path => Path.GetFileName(path) == pair[0]) is { } path)
            {
                Write(path, pair[1]);
            }
        }
    }

    private static void Write(string path, string value)
    {
        try
        {
            if (File.Exists(path) && File.ReadAllText(path).Trim() != value)
            {
                File.WriteAllText(path, value);
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            var name = path["/proc/sys/".Length..].Replace('/', '.');
            throw new BackendException($"{name} cannot be set to {value}: {error.Message}; run 'sysctl -w {name}={value}' on the node", error);
        }
    }
}
