using ProxyFramework.Host.CommandLine;
using ProxyFramework.Host.Configuration;

namespace ProxyFramework.Host.Tests;

/// <summary>kube-proxy's configuration files: read as it does, and no field silently ignored.</summary>
public sealed class ConfigurationFileTests : IDisposable
{
    private const string Head = "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n";

    // As kubeadm writes it: every field, most of them empty.
    private const string Kubeadm = Head + """
        bindAddress: 0.0.0.0
        bindAddressHardFail: false
        clientConnection:
          acceptContentTypes: ""
          burst: 0
          contentType: ""
          kubeconfig: /var/lib/kube-proxy/kubeconfig.conf
          qps: 0
        clusterCIDR: 10.244.0.0/16
        configSyncPeriod: 0s
        conntrack:
          maxPerCore: null
          min: null
          tcpBeLiberal: false
          tcpCloseWaitTimeout: null
          tcpEstablishedTimeout: null
          udpStreamTimeout: 0s
          udpTimeout: 0s
        detectLocal:
          bridgeInterface: ""
          interfaceNamePrefix: ""
        detectLocalMode: ""
        enableProfiling: false
        healthzBindAddress: ""
        hostnameOverride: ""
        iptables:
          localhostNodePorts: null
          masqueradeAll: false
          masqueradeBit: null
          minSyncPeriod: 0s
          syncPeriod: 0s
        ipvs:
          excludeCIDRs: null
          minSyncPeriod: 0s
          scheduler: ""
          strictARP: false
          syncPeriod: 0s
          tcpFinTimeout: 0s
          tcpTimeout: 0s
          udpTimeout: 0s
        logging:
          flushFrequency: 0
          options:
            json:
              infoBufferSize: "0"
            text:
              infoBufferSize: "0"
          verbosity: 0
        metricsBindAddress: ""
        mode: ""
        nftables:
          masqueradeAll: false
          masqueradeBit: null
          minSyncPeriod: 0s
          syncPeriod: 0s
        nodePortAddresses: null
        oomScoreAdj: null
        portRange: ""
        showHiddenMetricsForVersion: ""
        winkernel:
          enableDSR: false
          forwardHealthCheckVip: false
          networkName: ""
          rootHnsEndpointName: ""
          sourceVip: ""

        """;

    private readonly TempFolder _folder = new();

    [Fact]
    public void The_file_that_kubeadm_writes_is_honoured_as_it_is()
    {
        var file = Read(Kubeadm);

        Assert.Empty(file.Problems);
        Assert.Empty(file.Notes);
        Assert.Equal(["--cluster-cidr=10.244.0.0/16", "--kubeconfig=/var/lib/kube-proxy/kubeconfig.conf"], file.Arguments.Order());
    }

    [Fact]
    public void Fields_are_the_flags_that_mean_the_same()
    {
        var settings = Settings(Head + """
            clientConnection: {kubeconfig: /etc/kubeconfig, qps: 50, contentType: application/vnd.kubernetes.protobuf}
            hostnameOverride: Node-7
            mode: nftables
            detectLocalMode: NodeCIDR
            nodePortAddresses: [primary, 192.0.2.0/24]
            healthzBindAddress: 0.0.0.0:10300
            metricsBindAddress: 0.0.0.0:10301
            bindAddressHardFail: true
            oomScoreAdj: 0
            nftables: {masqueradeAll: true, masqueradeBit: 15, syncPeriod: 1m30s, minSyncPeriod: 500ms}
            iptables: {masqueradeAll: true, masqueradeBit: 3, syncPeriod: 7s}
            conntrack: {maxPerCore: 0, min: 1000, tcpEstablishedTimeout: 12h, tcpCloseWaitTimeout: 30m, tcpBeLiberal: true, udpTimeout: 20s, udpStreamTimeout: 40s}
            logging: {format: json, verbosity: 4}
            """);

        Assert.Equal("/etc/kubeconfig", settings.Kubernetes!.Kubeconfig);
        Assert.Equal(("node-7", "nftables", LocalPodDetectionMode.NodeCidr), (settings.Proxy.NodeName, settings.Proxy.Mode, settings.Proxy.DetectLocalMode));
        Assert.Equal(["primary", "192.0.2.0/24"], settings.Proxy.NodePortAddresses);
        Assert.Equal(("0.0.0.0:10300", "0.0.0.0:10301", true), (settings.HealthzAddress!.ToString(), settings.MetricsAddress!.ToString(), settings.BindAddressHardFail));
        Assert.Equal((TimeSpan.FromSeconds(90), TimeSpan.FromMilliseconds(500), true), (settings.Proxy.SyncPeriod, settings.Proxy.MinSyncPeriod, settings.Proxy.MasqueradeAll));
        Assert.Equal([new("nftables:masquerade-bit", "15")], settings.BackendSettings);
        Assert.Equal(new LoggingSettings(4, true), settings.Logging);
        Assert.Equal(
            new Node.NodeSettings
            {
                ConntrackMaxPerCore = 0,
                ConntrackMin = 1000,
                TcpEstablished = TimeSpan.FromHours(12),
                TcpCloseWait = TimeSpan.FromMinutes(30),
                TcpBeLiberal = true,
                Udp = TimeSpan.FromSeconds(20),
                UdpStream = TimeSpan.FromSeconds(40),
                OomScoreAdj = 0,
            },
            settings.Node);
    }

    [Fact]
    public void Without_a_kubeconfig_the_service_account_is_used_and_the_node_gets_kube_proxys_defaults()
    {
        var settings = Settings(Head);

        Assert.Null(settings.Kubernetes!.Kubeconfig);
        Assert.Equal((32_768, 131_072, TimeSpan.FromHours(24), -999), (settings.Node.ConntrackMaxPerCore!.Value, settings.Node.ConntrackMin!.Value, settings.Node.TcpEstablished!.Value, settings.Node.OomScoreAdj!.Value));
    }

    [Fact]
    public async Task Every_problem_is_named_at_once_with_line_and_column()
    {
        var path = _folder.Write("config.conf", Head + """
            mode: nftables
            cluserCIDR: 10.0.0.0/8
            clusterCIDR: 10.0.0.0/99
            conntrack:
              min: many
              tcpTimeout: 1h
              udpTimeout: soon
            enableProfiling: true
            bindAddressHardFail: "yes"
            nodePortAddresses: primary
            ipvs: []
            """);
        await using var run = await SvcproxyProcess.RunAsync("run", "--config", path);

        Assert.Equal(2, run.ExitCode);
        foreach (var expected in new[]
        {
            ":4:1: cluserCIDR is not a field of KubeProxyConfiguration",
            ":5:14: clusterCIDR: --cluster-cidr: '10.0.0.0/99' is not valid",
            ":7:8: conntrack.min: 'many' is not a number",
            ":8:3: conntrack.tcpTimeout is not a field",
            ":9:15: conntrack.udpTimeout: 'soon' is not a duration",
            ":10:18: enableProfiling cannot be honoured: use dotnet-trace",
            ":11:22: bindAddressHardFail: 'yes' is not true or false",
            ":12:20: nodePortAddresses: expected a list of strings",
            ":13:7: ipvs: expected an object",
        })
        {
            Assert.Contains(path + expected, run.ErrorText, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("a: [", ":1:")]
    [InlineData("mode: x\nmode: y\n", ":2:")]
    [InlineData("apiVersion: v1\nkind: ConfigMap\n", ":1:13: apiVersion: expected kubeproxy.config.k8s.io/v1alpha1")]
    [InlineData("", "expected one document")]
    public void What_is_no_such_file_is_refused(string text, string expected) =>
        Assert.Contains(Read(text).Problems, problem => problem.Contains(expected, StringComparison.Ordinal));

    [Fact]
    public void Settings_of_other_modes_are_read_and_not_used()
    {
        var settings = Settings(Head + "mode: nftables\nipvs: {strictARP: true, scheduler: wrr}\niptables: {masqueradeBit: 3}\n");

        Assert.Empty(settings.BackendSettings);
        Assert.Null(settings.Proxy.DefaultScheduler);
        Assert.Contains(Read(Head + "mode: ipvs\nipvs: {strictARP: true}\n").Problems, problem => problem.Contains("ipvs.strictARP cannot be honoured", StringComparison.Ordinal));
    }

    [Fact]
    public void The_command_line_goes_before_the_file()
    {
        var settings = Settings(Kubeadm, "--hostname-override=other", "-v", "5");

        Assert.Equal("other", settings.Proxy.NodeName);
        Assert.Equal(5, settings.Logging.Level);
    }

    [Fact]
    public async Task When_the_file_changes_the_program_ends_to_be_started_again_but_not_for_one_that_is_broken()
    {
        using var network = Testing.NetworkNamespace.Create();
        var kubeconfig = _folder.Write("kubeconfig", """
            {apiVersion: v1, kind: Config, current-context: c, clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}],
             contexts: [{name: c, context: {cluster: c, user: u}}], users: [{name: u, user: {token: x}}]}
            """);
        var text = Head + $"mode: userspace\nclientConnection: {{kubeconfig: {kubeconfig}}}\nhealthzBindAddress: 127.0.0.1:0\nmetricsBindAddress: 127.0.0.1:0\n";
        var path = _folder.Write("config.conf", text);
        await using var run = SvcproxyProcess.StartIn(network, isPrivileged: true, Path.Combine(SvcproxyProcess.Layout, "svcproxy"), "run", "--config", path);
        await run.UntilAsync(() => run.ErrorText.Contains("What is in force stays", StringComparison.Ordinal), "that there is no API server");

        _folder.Write("config.conf", text + "oomScoreAdj: much\n");
        await run.UntilAsync(() => run.ErrorText.Contains(":7:14: oomScoreAdj: 'much' is not a number", StringComparison.Ordinal), "what is wrong with the new file");
        Assert.False(run.HasExited);

        _folder.Write("config.conf", text + "oomScoreAdj: 5\n");
        await run.EndedAsync();
        Assert.Equal(0, run.ExitCode);
        Assert.Contains("has changed: ending", run.ErrorText, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();

    private ConfigurationFile Read(string text) => ConfigurationFile.Read(_folder.Write("config.conf", text));

    private RunSettings Settings(string text, params string[] arguments)
    {
        var file = Read(text);
        Assert.Empty(file.Problems);
        var root = new System.CommandLine.RootCommand();
        var flags = new RunFlags(file.Notes);
        flags.AddTo(root);
        var parsed = root.Parse([.. file.Arguments, .. arguments]);
        Assert.Empty(parsed.Errors);
        var settings = flags.Read(parsed, out var problems);
        Assert.Empty(problems);
        Assert.Equal(file.Notes, settings.Notes);
        return settings;
    }
}
