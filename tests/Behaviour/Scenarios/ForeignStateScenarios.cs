using ProxyFramework.Behaviour.Suite;
using ProxyFramework.Behaviour.Testbed;
using Xunit;

namespace ProxyFramework.Behaviour.Scenarios;

/// <summary>A node that belongs to others too: a firewall, a CNI plugin, the administrator.</summary>
public sealed class ForeignStateWorld() : World(new WorldOptions())
{
    /// <summary>The node as it was before the proxy first started.</summary>
    public NodeSnapshot Before { get; private set; } = null!;

    protected override async Task PrepareAsync()
    {
        var node = Node.Namespace;
        await node.ExecWithInputAsync(
            """
            table inet firewall {
              set blocked {
                type ipv4_addr
                elements = { 203.0.113.66 }
              }
              chain in {
                type filter hook input priority filter; policy accept;
                ip saddr @blocked drop
              }
              chain nat {
                type nat hook postrouting priority srcnat + 10;
                ip saddr 203.0.113.0/24 masquerade
              }
            }
            table ip kube-foreign {
              map m {
                type ipv4_addr : verdict
              }
            }
            """,
            "nft",
            "-f",
            "-");
        foreach (var iptables in new[] { "iptables-nft", "ip6tables-nft", "iptables-legacy", "ip6tables-legacy" })
        {
            foreach (var table in new[] { "filter", "nat", "mangle" })
            {
                // A flavour or table that the kernel lacks cannot be touched either.
                await node.TryExecAsync(iptables, "-t", table, "-N", "ADMIN");
                await node.TryExecAsync(iptables, "-t", table, "-A", "ADMIN", "-p", "tcp", "--dport", "9", "-j", "RETURN");
                await node.TryExecAsync(iptables, "-t", table, "-A", table == "nat" ? "POSTROUTING" : "FORWARD", "-j", "ADMIN");
            }
        }

        await node.IpAsync(
            "link add admin0 type bridge", "link set admin0 up", "address add 198.51.100.9/32 dev admin0", "address add 2001:db8:51::9/128 dev admin0 nodad",
            "rule add from 198.51.100.9 lookup 99 priority 999", "route add blackhole 198.51.100.128/25", "route add 198.51.100.64/26 dev admin0 table 99");
        Before = await NodeSnapshot.TakeAsync(node);
    }
}

/// <summary>Everything of a node that a proxy could change, in the tools' own words, without counters.</summary>
public sealed record NodeSnapshot(IReadOnlyDictionary<string, string> Parts)
{
    private static readonly string[][] Commands =
    [
        ["nft", "-s", "list", "ruleset"],
        ["iptables-legacy-save"],
        ["ip6tables-legacy-save"],
        ["ip", "-o", "address"],
        ["ip", "rule"],
        ["ip", "-6", "rule"],
        ["ip", "route", "show", "table", "all"],
        ["ip", "-6", "route", "show", "table", "all"],
    ];

    private static readonly string[] Sysctls =
    [
        "net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding", "net.ipv4.conf.all.route_localnet", "net.ipv4.conf.eth0.route_localnet",
        "net.ipv4.conf.all.rp_filter", "net.ipv4.conf.all.arp_ignore", "net.ipv4.conf.all.arp_announce", "net.ipv4.ip_nonlocal_bind",
        "net.ipv6.ip_nonlocal_bind",
    ];

    public static async Task<NodeSnapshot> TakeAsync(NetworkNamespace node)
    {
        ArgumentNullException.ThrowIfNull(node);
        var parts = new Dictionary<string, string>();
        foreach (var command in Commands)
        {
            var (_, output, _) = await node.TryExecAsync(command[0], command[1..]);
            parts[string.Join(' ', command)] = Normalize(output);
        }

        foreach (var sysctl in Sysctls)
        {
            parts[sysctl] = node.ReadSysctl(sysctl) ?? "absent";
        }

        return new NodeSnapshot(parts);
    }

    private static string Normalize(string output) => string.Join('\n', output.Split('\n')
        .Where(line => !line.StartsWith('#'))
        .Select(line => System.Text.RegularExpressions.Regex.Replace(line, @"\[\d+:\d+\]| (expires|valid_lft|preferred_lft|age) \S+|counter packets \d+ bytes \d+|\s+$", ""))
        .Order(StringComparer.Ordinal));
}

[Trap("kube-router #770")]
public sealed class ForeignStateScenarios(ForeignStateWorld world) : ScenarioBase<ForeignStateWorld>(world)
{
    [Fact]
    public Task What_others_have_set_up_is_left_alone_and_cleanup_leaves_the_node_as_it_was_found() => HoldsAsync(async () =>
    {
        var web = Service("web").TcpAndUdp().AllFrontends().External("Local").Affinity().Endpoints(Pod1, Remote1);
        web.SourceRanges.Add("0.0.0.0/0");
        web.SourceRanges.Add("::/0");
        var none = Service("none").TcpAndUdp().AllFrontends();
        await World.ApplyAsync(web, none);
        (await Client.AskAsync(web.ClusterIP(V4, "tcp"))).ShouldComeFrom(Pod1, Remote1);
        (await Client.AskAsync(web.LoadBalancerIP(V6, "udp"))).ShouldComeFrom(Pod1);

        // While it runs, every line of the others' is still there.
        var during = await NodeSnapshot.TakeAsync(Node.Namespace);
        foreach (var (part, before) in World.Before.Parts)
        {
            var lines = during.Parts[part].Split('\n').ToHashSet();
            Assert.All(before.Split('\n'), line => Assert.Contains(line, lines));
        }

        await World.Proxy.TerminateAsync();
        var (exitCode, output, error) = await Proxy.CleanupAsync(Node.Namespace);
        Assert.True(exitCode == 0, $"cleanup: exit code {exitCode}: {output}{error}");
        await ShouldBeAsFoundAsync();

        // It is idempotent, and it cleans up after a crash as well.
        World.StartProxy();
        await World.SettleAsync();
        await World.Proxy.KillAsync();
        Assert.Equal(0, (await Proxy.CleanupAsync(Node.Namespace)).ExitCode);
        await ShouldBeAsFoundAsync();
        Assert.Equal(0, (await Proxy.CleanupAsync(Node.Namespace)).ExitCode);
        await ShouldBeAsFoundAsync();
    });

    private async Task ShouldBeAsFoundAsync()
    {
        var after = await NodeSnapshot.TakeAsync(Node.Namespace);
        foreach (var (part, before) in World.Before.Parts)
        {
            Assert.True(before == after.Parts[part], $"{part} differs after cleanup.\nBefore:\n{before}\nAfter:\n{after.Parts[part]}");
        }
    }
}

/// <summary>A firewall that is loaded anew, and takes everyone's rules along.</summary>
public sealed class FlushScenarios(StandardWorld world) : ScenarioBase<StandardWorld>(world)
{
    [Fact]
    public Task Rules_that_others_flush_come_back() => HoldsAsync(async () =>
    {
        var web = Service("web").TcpAndUdp().AllFrontends().Endpoints(Pod1, Remote1);
        await World.ApplyAsync(web);
        string[][] flushes =
        [
            ["nft", "flush", "ruleset"],
            .. new[] { "iptables-legacy", "ip6tables-legacy", "iptables-nft", "ip6tables-nft" }.SelectMany(program => new[] { "filter", "nat" }.Select(table => new[] { program, "-t", table, "-F" })),
        ];
        foreach (var flush in flushes)
        {
            // A flavour or table that the kernel lacks has nothing to flush.
            await Node.Namespace.TryExecAsync(flush[0], flush[1..]);
        }

        await Eventually.HoldsAsync(async () =>
        {
            foreach (var target in web.Frontends(V4, "tcp").Concat(web.Frontends(V6, "tcp")))
            {
                (await Client.AskBrieflyAsync(target)).ShouldComeFrom(Pod1, Remote1);
            }
        });
    });
}
