using System.CommandLine;

namespace ProxyFramework.Host.CommandLine;

/// <summary>
/// Flags of kube-proxy that this program does not have. They are refused with a message that says what to use instead, and never
/// silently ignored: a node that runs with half of its flags is worse than one that says so at once.
/// </summary>
internal static class RefusedFlags
{
    private const string NoConntrack = "no backend of this version sets conntrack's limits; set the sysctl net.netfilter.nf_conntrack_… on the node";

    private static readonly (string Name, string Advice)[] All =
    [
        ("--config", "configuration files are not read by this version; give the settings as flags"),
        ("--write-config-to", "configuration files are not written by this version; the effective settings are at /configz of the metrics address"),
        ("--init-only", "there is nothing to set up beforehand; leave it out"),
        ("--kube-api-content-type", "objects are read as JSON, straight into what is kept of them; leave it out"),
        ("--kube-api-burst", "three watches are all that is asked of the API server, with growing waits after failures; leave it out"),
        ("--kube-api-qps", "three watches are all that is asked of the API server, with growing waits after failures; leave it out"),
        ("--config-sync-period", "nothing is read from the API server again but what its watch has lost; for the node's rules use --sync-period"),
        ("--bind-address", "use --nodeport-addresses for node ports, --healthz-bind-address and --metrics-bind-address for the HTTP servers"),
        ("--profiling", "use dotnet-trace or dotnet-counters on the running process; runtime metrics are at /metrics"),
        ("--feature-gates", "there are no feature gates; leave it out"),
        ("--iptables-masquerade-bit", "use --set MODE:masquerade-bit=N, MODE being iptables, nftables or ipvs"),
        ("--iptables-localhost-nodeports", "use --nodeport-addresses=…,localhost to serve node ports on the loopback addresses"),
        ("--iptables-sync-period", "use --sync-period"),
        ("--iptables-min-sync-period", "use --min-sync-period"),
        ("--ipvs-sync-period", "use --sync-period"),
        ("--ipvs-min-sync-period", "use --min-sync-period"),
        ("--ipvs-scheduler", "use --scheduler"),
        ("--ipvs-exclude-cidrs", "use --set ipvs:exclude-cidrs=CIDR,…"),
        ("--ipvs-strict-arp", "use --set ipvs:strict-arp=true"),
        ("--ipvs-tcp-timeout", "use --set ipvs:tcp-timeout=SECONDS"),
        ("--ipvs-tcpfin-timeout", "use --set ipvs:tcp-fin-timeout=SECONDS"),
        ("--ipvs-udp-timeout", "use --set ipvs:udp-timeout=SECONDS"),
        ("--oom-score-adj", "set it from outside: OOMScoreAdjust= in the systemd unit, or choom"),
        ("--conntrack-max-per-core", NoConntrack),
        ("--conntrack-min", NoConntrack),
        ("--conntrack-tcp-timeout-established", NoConntrack),
        ("--conntrack-tcp-timeout-close-wait", NoConntrack),
        ("--conntrack-tcp-be-liberal", NoConntrack),
        ("--conntrack-udp-timeout", NoConntrack),
        ("--conntrack-udp-timeout-stream", NoConntrack),
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
