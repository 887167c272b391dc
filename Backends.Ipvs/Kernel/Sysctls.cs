namespace ProxyFramework.Backends.Ipvs.Kernel;

/// <summary>What IPVS must be told beside its virtual servers (<c>/proc/sys/net/ipv4/vs</c>), and what it was told before.</summary>
internal static class Sysctls
{
    private const string Folder = "/proc/sys/net/ipv4/vs/";
    private const string Prefix = "svcproxy; before: ";

    /// <summary>Documentation/networking/ipvs-sysctl.rst.</summary>
    private static readonly (string Name, string Value)[] Wanted =
    [
        // Connection tracking sees the connections, so that they can be masqueraded.
        ("conntrack", "1"),
        // A client whose server is gone, or takes nothing new, gets another at once.
        ("expire_nodest_conn", "1"),
        ("expire_quiescent_template", "1"),
        // A source port that is used again is a new connection.
        ("conn_reuse_mode", "1"),
    ];

    /// <summary>What there is, as <see cref="Restore"/> takes it.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static string Read() => Prefix + string.Join(',', Wanted.Where(static sysctl => File.Exists(Folder + sysctl.Name))
        .Select(static sysctl => $"{sysctl.Name}={File.ReadAllText(Folder + sysctl.Name).Trim()}"));

    /// <summary>Sets what is wanted.</summary>
    /// <exception cref="BackendException">It cannot be set.</exception>
    public static void Set() => Write(Wanted);

    /// <summary>Sets what there was.</summary>
    /// <param name="record">What <see cref="Read"/> returned.</param>
    /// <exception cref="BackendException">It cannot be set.</exception>
    public static void Restore(string record)
    {
        if (record.StartsWith(Prefix, StringComparison.Ordinal))
        {
            Write(record[Prefix.Length..].Split(',').Select(static pair => pair.Split('=')).Where(static pair => pair.Length == 2
                && Wanted.Any(sysctl => sysctl.Name == pair[0])).Select(static pair => (pair[0], pair[1])));
        }
    }

    private static void Write(IEnumerable<(string Name, string Value)> values)
    {
        foreach (var (name, value) in values.Where(static sysctl => File.Exists(Folder + sysctl.Name)))
        {
            try
            {
                if (File.ReadAllText(Folder + name).Trim() != value)
                {
                    File.WriteAllText(Folder + name, value);
                }
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                throw new BackendException($"net.ipv4.vs.{name} cannot be set to {value}: {error.Message}; run 'sysctl -w net.ipv4.vs.{name}={value}' on the node", error);
            }
        }
    }
}
