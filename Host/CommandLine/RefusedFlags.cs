using System.CommandLine;

namespace ProxyFramework.Host.CommandLine;

/// <summary>
/// Flags of kube-proxy that this program does not have. They are refused with a message that says what to use instead, and never
/// silently ignored: a node that runs with half of its flags is worse than one that says so at once.
/// </summary>
internal static class RefusedFlags
{
    private const string IpvsOnly = "it belongs to IPVS mode, which this version does not have";

    private static readonly (string Name, string Advice)[] All =
    [
        ("--write-config-to", "configuration files are not written by this version; the effective settings are at /configz of the metrics address"),
        ("--kube-api-content-type", "objects are read as JSON, straight into what is kept of them; leave it out"),
        ("--kube-api-burst", "three watches are all that is asked of the API server, with growing waits after failures; leave it out"),
        ("--kube-api-qps", "three watches are all that is asked of the API server, with growing waits after failures; leave it out"),
        ("--config-sync-period", "nothing is read from the API server again but what its watch has lost; for the node's rules use --sync-period"),
        ("--bind-address", "use --nodeport-addresses for node ports, --healthz-bind-address and --metrics-bind-address for the HTTP servers"),
        ("--profiling", "use dotnet-trace or dotnet-counters on the running process; runtime metrics are at /metrics"),
        ("--feature-gates", "there are no feature gates; leave it out"),
        ("--iptables-masquerade-bit", "use --set iptables:masquerade-bit=N in mode iptables, --set nftables:masquerade-bit=N in mode nftables"),
        ("--iptables-localhost-nodeports", "use --nodeport-addresses=…,localhost to serve node ports on the loopback addresses"),
        ("--iptables-sync-period", "use --sync-period"),
        ("--iptables-min-sync-period", "use --min-sync-period"),
        ("--ipvs-sync-period", "use --sync-period"),
        ("--ipvs-min-sync-period", "use --min-sync-period"),
        ("--ipvs-scheduler", "use --scheduler"),
        ("--ipvs-exclude-cidrs", IpvsOnly),
        ("--ipvs-strict-arp", IpvsOnly),
        ("--ipvs-tcp-timeout", IpvsOnly),
        ("--ipvs-tcpfin-timeout", IpvsOnly),
        ("--ipvs-udp-timeout", IpvsOnly),
        ("--vmodule", "use -v for the whole program, or --set Logging:LogLevel:CATEGORY=Debug for one category"),
    ];

    /// <summary>The names, for the documentation and its test.</summary>
    public static IEnumerable<string> Names => All.Select(flag => flag.Name);

    /// <summary>Makes a command recognise and refuse them.</summary>
    public static void AddTo(Command command)
    {
        foreach (var (name, advice) in All)
        {
            // Accepts any value, so that the one message is about the flag and not about what follows it.
            var option = new Option<string[]>(name) { Hidden = true, Arity = ArgumentArity.ZeroOrMore };
            option.Validators.Add(result => result.AddError($"{name} is a flag of kube-proxy that svcproxy does not take: {advice}"));
            command.Options.Add(option);
        }
    }
}
