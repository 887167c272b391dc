using ProxyFramework.Testing;
using Xunit;
using static ProxyFramework.Nftables.Tests.Services;

namespace ProxyFramework.Iptables.Tests.Kernel;

/// <summary>Taking over from kube-proxy's iptables mode, and handing back to it, while connections are made.</summary>
public sealed class KubeProxyTests
{
    private static readonly KubeProxyRules Rules = new() { PodRange = "10.0.0.0/8" };

    private static readonly KubeProxyService[] KubeProxys =
    [
        new("ns/web:http", "10.96.0.1", 80, ["10.0.0.1:8080", "10.0.0.2:8080"]) { NodePort = 30001 },
        new("ns/gone:http", "10.96.0.2", 80, ["10.0.0.1:8080"]) { AffinitySeconds = 60 },
        new("ns/none:http", "10.96.0.3", 80, []),
    ];

    private static readonly ServicePort[] Ours =
    [
        Service("web", Group("10.0.0.1", "10.0.0.2"), ClusterIP("10.96.0.1"), NodePort(30001, Masqueraded)),
        Service("none", EndpointGroup.Reject, ClusterIP("10.96.0.3")),
    ];

    [Theory]
    [InlineData("legacy")]
    [InlineData("nft")]
    public async Task Taking_over_from_it_fails_no_connection_and_leaves_nothing_of_it(string flavour)
    {
        await using var fresh = new Node();
        await fresh.RunAsync(flavour, [.. Ours]);

        await using var node = Served();
        StartKubeProxy(node, flavour);
        var traffic = Traffic.Start(node);
        Assert.Empty((await node.RunAsync(flavour, [.. Ours])).Failures);
        await traffic.ShouldHaveHadNoFailureAsync();
        Assert.Equal(fresh.Save(flavour), node.Save(flavour));
    }

    [Theory]
    [InlineData("legacy", "nft")]
    [InlineData("nft", "legacy")]
    public async Task Taking_over_from_it_in_the_other_flavour_leaves_nothing_of_it_either(string flavour, string others)
    {
        await using var node = Served();
        StartKubeProxy(node, others);
        var traffic = Traffic.Start(node);
        await node.RunAsync(flavour, [.. Ours]);
        await traffic.ShouldHaveHadNoFailureAsync();
        Assert.DoesNotContain("KUBE-", node.Save(others), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("legacy")]
    [InlineData("nft")]
    public async Task Handing_back_to_it_fails_no_connection_and_cleanup_leaves_what_is_its_own(string flavour)
    {
        await using var fresh = new Node();
        StartKubeProxy(fresh, flavour);

        await using var node = Served();
        await node.RunAsync(flavour, [.. Ours]);
        await node.StopAsync();
        var traffic = Traffic.Start(node);
        StartKubeProxy(node, flavour);
        node.Cleanup();
        await traffic.ShouldHaveHadNoFailureAsync();
        Assert.Equal(Sorted(fresh.Save(flavour)), Sorted(node.Save(flavour)));
    }

    /// <summary>Rules of base chains are in the order in which they came.</summary>
    private static string Sorted(string saved) => string.Join('\n', saved.Split('\n').Order(StringComparer.Ordinal));

    private static Node Served()
    {
        var node = new Node();
        node.Serve("10.0.0.1");
        node.Serve("10.0.0.2");
        return node;
    }

    /// <summary>What kube-proxy does at its start.</summary>
    private static void StartKubeProxy(Node node, string flavour)
    {
        var iptables = $"iptables-{flavour}";
        foreach (var table in new[] { "mangle", "nat", "filter" })
        {
            node.Namespace.ExecWithInput($"*{table}\n:KUBE-PROXY-CANARY - [0:0]\nCOMMIT\n", $"{iptables}-restore", "-w", "5", "--noflush");
        }

        var saved = node.Namespace.Exec($"{iptables}-save", "-t", "nat").Split('\n');
        var existing = saved.Where(static line => line.StartsWith(':')).Select(static line => line[1..line.IndexOf(' ', StringComparison.Ordinal)]);
        node.Namespace.ExecWithInput("*nat\n:KUBE-SERVICES - [0:0]\n:KUBE-POSTROUTING - [0:0]\nCOMMIT\n", "sh", "-c",
            $"{iptables} -t nat -S KUBE-SERVICES >/dev/null 2>&1 || {iptables}-restore -w 5 --noflush");
        node.Namespace.ExecWithInput(Rules.Full(KubeProxys, existing), $"{iptables}-restore", "-w", "5", "--noflush", "--counters");
        foreach (var (table, chain, rule) in KubeProxyRules.Jumps)
        {
            var arguments = string.Join(' ', rule.Select(static word => $"'{word}'"));
            node.Namespace.Exec("sh", "-c", $"{iptables} -w 5 -t {table} -C {chain} {arguments} 2>/dev/null || {iptables} -w 5 -t {table} -I {chain} {arguments}");
        }
    }

    /// <summary>Connects again and again.</summary>
    private sealed class Traffic
    {
        private volatile bool _isEnding;
        private Task<(int Made, int Failed)> _connecting = null!;

        public static Traffic Start(Node node)
        {
            // Made now: the thread that makes them is the one that will be busy.
            var sockets = node.Sockets(3_000);
            var traffic = new Traffic();
            using var connected = new ManualResetEventSlim();
            traffic._connecting = Task.Run(() =>
            {
                var (made, failed) = (0, 0);
                foreach (var socket in sockets)
                {
                    if (!traffic._isEnding)
                    {
                        _ = Node.Connects(socket, "10.96.0.1") ? made++ : failed++;
                        connected.Set();
                        Thread.Sleep(1);
                    }

                    socket.Dispose();
                }

                return (made, failed);
            });
            connected.Wait();
            return traffic;
        }

        public async Task ShouldHaveHadNoFailureAsync()
        {
            _isEnding = true;
            var (made, failed) = await _connecting;
            Assert.True(made is > 10 and < 3_000 && failed == 0, $"{made} connections were made, {failed} failed");
        }
    }
}
