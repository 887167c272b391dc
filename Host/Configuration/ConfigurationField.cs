namespace ProxyFramework.Host.Configuration;

/// <summary>What a field of the file can hold.</summary>
internal enum FieldKind
{
    Text,
    Switch,
    Number,
    Duration,
    List,

    /// <summary>An object or a list whose contents are nobody's business here.</summary>
    Anything,
}

/// <summary>A field of KubeProxyConfiguration, and what becomes of it.</summary>
/// <param name="Kind">What it can hold; null is always allowed, and the same as absent.</param>
internal sealed record ConfigurationField(FieldKind Kind)
{
    /// <summary>The flag that means the same.</summary>
    public string? Flag { get; init; }

    /// <summary>What to use instead, where a value other than kube-proxy's default is refused.</summary>
    public string? Refusal { get; init; }

    /// <summary>Why a value has no effect here, and needs none.</summary>
    public string? Note { get; init; }

    /// <summary>The mode that the field is for; in another one it is read and not used, as in kube-proxy.</summary>
    public string? Mode { get; init; }

    /// <summary>Whether 0 is a value of its own, and not "the default".</summary>
    public bool ZeroCounts { get; init; }

    /// <summary>Values that are kube-proxy's own default, besides the empty ones.</summary>
    public string[] Defaults { get; init; } = [];
}

/// <summary>
/// Every field of <c>kubeproxy.config.k8s.io/v1alpha1</c> as of kube-proxy 1.36, by its path. A field is honoured, by the flag that means the
/// same; or its value makes no difference here, which is said; or it is refused with what to use instead.
/// </summary>
internal static class ConfigurationFields
{
    private const string OnlyJson = "objects are read as JSON over three watches, with growing waits after failures";
    private const string IpvsSettings = "svcproxy has no such setting in IPVS mode; leave it out";

    /// <summary>The fields by their paths.</summary>
    public static IReadOnlyDictionary<string, ConfigurationField> All { get; } = new Dictionary<string, ConfigurationField>
    {
        ["featureGates"] = new(FieldKind.Anything) { Refusal = "there are no feature gates; leave it out" },
        ["clientConnection.kubeconfig"] = Flag(FieldKind.Text, "--kubeconfig"),
        ["clientConnection.acceptContentTypes"] = Note(FieldKind.Text, OnlyJson),
        ["clientConnection.contentType"] = Note(FieldKind.Text, OnlyJson),
        ["clientConnection.qps"] = Note(FieldKind.Number, OnlyJson, "5"),
        ["clientConnection.burst"] = Note(FieldKind.Number, OnlyJson, "10"),
        ["logging.format"] = Flag(FieldKind.Text, "--logging-format"),
        ["logging.verbosity"] = Flag(FieldKind.Number, "-v"),
        ["logging.flushFrequency"] = Note(FieldKind.Text, "each line is written at once", "5s", "5000000000"),
        ["logging.vmodule"] = new(FieldKind.Anything) { Refusal = "use --set Logging:LogLevel:CATEGORY=Debug for one category" },
        ["logging.options"] = new(FieldKind.Anything),
        ["hostnameOverride"] = Flag(FieldKind.Text, "--hostname-override"),
        ["bindAddress"] = new(FieldKind.Text)
        {
            Defaults = ["0.0.0.0", "::"],
            Refusal = "use nodePortAddresses for node ports, healthzBindAddress and metricsBindAddress for the HTTP servers",
        },
        ["healthzBindAddress"] = Flag(FieldKind.Text, "--healthz-bind-address"),
        ["metricsBindAddress"] = Flag(FieldKind.Text, "--metrics-bind-address"),
        ["bindAddressHardFail"] = Flag(FieldKind.Switch, "--bind-address-hard-fail"),
        ["enableProfiling"] = new(FieldKind.Switch) { Refusal = "use dotnet-trace or dotnet-counters on the running process" },
        ["showHiddenMetricsForVersion"] = Note(FieldKind.Text, "no metric is hidden"),
        ["mode"] = Flag(FieldKind.Text, "--mode"),
        ["detectLocalMode"] = Flag(FieldKind.Text, "--detect-local-mode"),
        ["detectLocal.bridgeInterface"] = Flag(FieldKind.Text, "--pod-bridge-interface"),
        ["detectLocal.interfaceNamePrefix"] = Flag(FieldKind.Text, "--pod-interface-name-prefix"),
        ["clusterCIDR"] = Flag(FieldKind.Text, "--cluster-cidr"),
        ["nodePortAddresses"] = Flag(FieldKind.List, "--nodeport-addresses"),
        ["oomScoreAdj"] = Flag(FieldKind.Number, "--oom-score-adj", zeroCounts: true),
        ["configSyncPeriod"] = Note(FieldKind.Duration, "nothing is read from the API server again but what a watch has lost", "15m", "15m0s"),
        ["portRange"] = Note(FieldKind.Text, "no ports of the node are opened for services", "0-0"),
        ["iptables.masqueradeBit"] = Setting(FieldKind.Number, "iptables", "masquerade-bit"),
        ["iptables.masqueradeAll"] = Flag(FieldKind.Switch, "--masquerade-all", "iptables"),
        ["iptables.localhostNodePorts"] = new(FieldKind.Switch)
        {
            Mode = "iptables",
            Refusal = "node ports on the loopback addresses are asked for by nodePortAddresses: [localhost], with the CIDRs or primary beside it",
        },
        ["iptables.syncPeriod"] = Flag(FieldKind.Duration, "--sync-period", "iptables"),
        ["iptables.minSyncPeriod"] = Flag(FieldKind.Duration, "--min-sync-period", "iptables"),
        ["nftables.masqueradeBit"] = Setting(FieldKind.Number, "nftables", "masquerade-bit"),
        ["nftables.masqueradeAll"] = Flag(FieldKind.Switch, "--masquerade-all", "nftables"),
        ["nftables.syncPeriod"] = Flag(FieldKind.Duration, "--sync-period", "nftables"),
        ["nftables.minSyncPeriod"] = Flag(FieldKind.Duration, "--min-sync-period", "nftables"),
        ["ipvs.syncPeriod"] = Flag(FieldKind.Duration, "--sync-period", "ipvs"),
        ["ipvs.minSyncPeriod"] = Flag(FieldKind.Duration, "--min-sync-period", "ipvs"),
        ["ipvs.scheduler"] = Flag(FieldKind.Text, "--scheduler", "ipvs"),
        ["ipvs.excludeCIDRs"] = new(FieldKind.List) { Mode = "ipvs", Refusal = IpvsSettings },
        ["ipvs.strictARP"] = new(FieldKind.Switch) { Mode = "ipvs", Refusal = IpvsSettings },
        ["ipvs.tcpTimeout"] = new(FieldKind.Duration) { Mode = "ipvs", Refusal = IpvsSettings },
        ["ipvs.tcpFinTimeout"] = new(FieldKind.Duration) { Mode = "ipvs", Refusal = IpvsSettings },
        ["ipvs.udpTimeout"] = new(FieldKind.Duration) { Mode = "ipvs", Refusal = IpvsSettings },
        ["conntrack.maxPerCore"] = Flag(FieldKind.Number, "--conntrack-max-per-core", zeroCounts: true),
        ["conntrack.min"] = Flag(FieldKind.Number, "--conntrack-min", zeroCounts: true),
        ["conntrack.tcpEstablishedTimeout"] = Flag(FieldKind.Duration, "--conntrack-tcp-timeout-established", zeroCounts: true),
        ["conntrack.tcpCloseWaitTimeout"] = Flag(FieldKind.Duration, "--conntrack-tcp-timeout-close-wait", zeroCounts: true),
        ["conntrack.tcpBeLiberal"] = Flag(FieldKind.Switch, "--conntrack-tcp-be-liberal"),
        ["conntrack.udpTimeout"] = Flag(FieldKind.Duration, "--conntrack-udp-timeout"),
        ["conntrack.udpStreamTimeout"] = Flag(FieldKind.Duration, "--conntrack-udp-timeout-stream"),
        ["winkernel"] = new(FieldKind.Anything),
    };

    private static ConfigurationField Flag(FieldKind kind, string flag, string? mode = null, bool zeroCounts = false) =>
        new(kind) { Flag = flag, Mode = mode, ZeroCounts = zeroCounts };

    private static ConfigurationField Setting(FieldKind kind, string mode, string setting) => new(kind) { Flag = $"--set={mode}:{setting}", Mode = mode };

    private static ConfigurationField Note(FieldKind kind, string why, params string[] defaults) => new(kind) { Note = why, Defaults = defaults };
}
