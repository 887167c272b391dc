using Microsoft.Extensions.Logging.Abstractions;
using ProxyFramework.Host.Node;
using ProxyFramework.Testing;

namespace ProxyFramework.Host.Tests;

/// <summary>What is set on the node: in the kernel where a namespace has the setting to itself, in files that stand for it where it has not.</summary>
public sealed class NodeSetupTests : IDisposable
{
    private readonly NetworkNamespace _network = NetworkNamespace.Create();
    private readonly TempFolder _folder = new();

    [Fact]
    public async Task Init_only_sets_the_kernel_and_ends()
    {
        await using var run = SvcproxyProcess.StartIn(
            _network,
            isPrivileged: true,
            Path.Combine(SvcproxyProcess.Layout, "svcproxy"),
            "run",
            "--init-only",
            "--conntrack-tcp-timeout-established=11h",
            "--conntrack-tcp-timeout-close-wait=31m",
            "--conntrack-udp-timeout=21s",
            "--conntrack-udp-timeout-stream=41s",
            "--conntrack-tcp-be-liberal",
            "--oom-score-adj=7");
        await run.EndedAsync();

        Assert.Equal(0, run.ExitCode);
        Assert.Equal(("39600", "1860", "21", "41", "1"), (
            Conntrack("tcp_timeout_established"), Conntrack("tcp_timeout_close_wait"), Conntrack("udp_timeout"), Conntrack("udp_timeout_stream"), Conntrack("tcp_be_liberal")));
        Assert.Contains("oom_score_adj is 7 now", run.ErrorText, StringComparison.Ordinal);
    }

    [Fact]
    public void The_limit_of_connections_is_raised_with_the_table_and_never_lowered()
    {
        var netfilter = Directory.CreateDirectory(Path.Combine(_folder.Path, "sys/net/netfilter")).FullName;
        var parameters = Directory.CreateDirectory(Path.Combine(_folder.Path, "module/nf_conntrack/parameters")).FullName;
        File.WriteAllText(Path.Combine(netfilter, "nf_conntrack_max"), "1000\n");
        File.WriteAllText(Path.Combine(parameters, "hashsize"), "100\n");
        var setup = new NodeSetup(NullLogger.Instance, _folder.Path, _folder.Path);
        string Limit() => File.ReadAllText(Path.Combine(netfilter, "nf_conntrack_max")).Trim();

        Assert.True(setup.Apply(new NodeSettings { ConntrackMaxPerCore = 10, ConntrackMin = 800_000 }));
        Assert.Equal(("800000", "200000"), (Limit(), File.ReadAllText(Path.Combine(parameters, "hashsize"))));
        Assert.True(setup.Apply(new NodeSettings { ConntrackMaxPerCore = 500_000, ConntrackMin = 1 }));
        Assert.Equal(Math.Max(500_000 * Environment.ProcessorCount, 800_000).ToString(System.Globalization.CultureInfo.InvariantCulture), Limit());
        Assert.True(setup.Apply(new NodeSettings { ConntrackMaxPerCore = 1, ConntrackMin = 1 }));
        Assert.True(setup.Apply(new NodeSettings { ConntrackMaxPerCore = 0, ConntrackMin = int.MaxValue }));
        Assert.Equal(Math.Max(500_000 * Environment.ProcessorCount, 800_000).ToString(System.Globalization.CultureInfo.InvariantCulture), Limit());
    }

    [Fact]
    public void What_cannot_be_set_is_no_reason_to_stop()
    {
        var setup = new NodeSetup(NullLogger.Instance, Path.Combine(_folder.Path, "nowhere"), _folder.Path);

        Assert.False(setup.Apply(new NodeSettings { TcpEstablished = TimeSpan.FromHours(1) }));
    }

    public void Dispose()
    {
        _network.Dispose();
        _folder.Dispose();
    }

    private string Conntrack(string name) => _network.Exec("cat", $"/proc/sys/net/netfilter/nf_conntrack_{name}").Trim();
}
