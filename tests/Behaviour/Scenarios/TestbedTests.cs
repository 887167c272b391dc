using ProxyFramework.Behaviour.Suite;
using ProxyFramework.Behaviour.Testbed;
using Xunit;

namespace ProxyFramework.Behaviour.Scenarios;

public sealed class WorldWithoutProxy() : World(new WorldOptions { StartsProxy = false });

public sealed class BridgedWorldWithoutProxy() : World(new WorldOptions { StartsProxy = false, Pods = PodAttachment.Bridge });

/// <summary>What the scenarios stand on: without a proxy, the network and the servers do what they are said to do.</summary>
public abstract class TestbedTests<TWorld>(TWorld world) : ScenarioBase<TWorld>(world)
    where TWorld : World
{
    [Fact]
    public async Task Everyone_reaches_every_pod_directly_and_is_seen_with_its_own_address()
    {
        foreach (var family in Families.Both)
        {
            foreach (var protocol in new[] { Protocol.Tcp, Protocol.Udp })
            {
                foreach (var pod in World.Pods.Concat(World.RemotePods))
                {
                    var target = new Target(pod.Address(family), Pod.WebPort, protocol);
                    foreach (var from in new[] { Client, World.Clients[15], Pod1, Remote1 })
                    {
                        (await from.AskAsync(target)).ShouldComeFrom(pod).ShouldHaveSource(from.Address(family)).ShouldReachPort(Pod.WebPort);
                    }

                    (await Node.AskAsync(target)).ShouldComeFrom(pod).ShouldHaveSourceAmong(World.NodeAddresses);
                }
            }
        }
    }

    [Fact]
    public async Task A_closed_port_a_lost_packet_and_an_address_that_no_one_proxies_are_told_apart()
    {
        foreach (var family in Families.Both)
        {
            foreach (var protocol in new[] { Protocol.Tcp, Protocol.Udp })
            {
                (await Client.AskAsync(new Target(Pod1.Address(family), 7, protocol))).ShouldBeRefused();
                (await Client.AskAsync(new Target(NodeAddress(family), 7, protocol))).ShouldBeRefused();
                foreach (var from in new[] { Client, Node, Pod1 })
                {
                    (await from.AskAsync(new Target(World.Service("none").ClusterIPAddress(family), 80, protocol))).ShouldBeUntouched();
                    (await from.AskAsync(new Target(World.Service("none").ExternalIPAddress(family), 80, protocol))).ShouldBeUntouched();
                    (await from.AskAsync(new Target(World.Service("none").LoadBalancerIPAddress(family), 80, protocol))).ShouldBeUntouched();
                }
            }
        }

        await Node.Namespace.ExecAsync("nft", "add table inet lost; add chain inet lost in { type filter hook input priority 0; }; add rule inet lost in th dport 7777 drop");
        try
        {
            foreach (var family in Families.Both)
            {
                (await Client.AskBrieflyAsync(new Target(NodeAddress(family), 7777))).ShouldBeSilent();
                (await Client.AskBrieflyAsync(new Target(NodeAddress(family), 7777, Protocol.Udp))).ShouldBeSilent();
            }
        }
        finally
        {
            await Node.Namespace.ExecAsync("nft", "delete table inet lost");
        }
    }

    [Fact]
    public async Task A_translation_by_hand_is_seen_as_the_scenarios_will_see_one()
    {
        var vip = World.Service("vip").ClusterIPAddress(V4);
        await Node.Namespace.ExecWithInputAsync(
            $$"""
            table ip byhand {
              chain pre { type nat hook prerouting priority dstnat; ip daddr {{vip}} jump svc; }
              chain out { type nat hook output priority -100; ip daddr {{vip}} jump svc; }
              chain svc {
                tcp dport 80 dnat to {{Pod1.IPv4}}:8080
                udp dport 80 dnat to {{Pod1.IPv4}}:8080
                sctp dport 80 dnat to {{Pod1.IPv4}}:8080
              }
              chain post { type nat hook postrouting priority srcnat; ip saddr {{Network.ClientSide}}.0/24 ip daddr 10.244.0.0/16 masquerade; ip saddr {{Pod1.IPv4}} ip daddr {{Pod1.IPv4}} masquerade; }
              chain filter { type filter hook forward priority 0; ip daddr {{vip}} reject; }
            }
            """,
            "nft",
            "-f",
            "-");
        using var stop = new CancellationTokenSource();
        var sctp = SctpProbe.ServeAsync(Pod1, V4, stop.Token);
        try
        {
            foreach (var protocol in new[] { Protocol.Tcp, Protocol.Udp, Protocol.Sctp })
            {
                var target = new Target(vip, 80, protocol);
                (await Client.AskAsync(target)).ShouldComeFrom(Pod1).ShouldHaveSourceAmong(World.NodeAddresses).ShouldReachPort(8080);
                (await Pod2.AskAsync(target)).ShouldComeFrom(Pod1).ShouldHaveSource(Pod2.IPv4).ShouldReachPort(8080);
                if (protocol != Protocol.Sctp)
                {
                    (await Pod1.AskAsync(target)).ShouldComeFrom(Pod1).ShouldHaveSourceAmong(World.NodeAddresses);
                    (await Node.AskAsync(target)).ShouldComeFrom(Pod1);
                }

            }

            (await Pod2.AskAsync(new Target(vip, 81))).ShouldBeRefused();
        }
        finally
        {
            await stop.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => sctp);
            await Node.Namespace.ExecAsync("nft", "delete table ip byhand");
        }
    }

    [Fact]
    public async Task Uploads_downloads_and_requests_by_curl_and_wrk_work()
    {
        var target = new Target(Pod1.IPv4, Pod.WebPort);
        using var connection = await Client.ConnectAsync(target);
        Assert.Equal(1_000_000, await connection.UploadAsync(1_000_000));
        Assert.Equal(1_000_000, (await Client.HttpGetAsync(target, "/bytes/1000000")).Body.Length);
        Assert.StartsWith("pod-1 ", await Client.Namespace.ExecAsync("curl", "-sS", target.Url), StringComparison.Ordinal);
        Assert.Contains("Requests/sec", await Client.Namespace.ExecAsync("wrk", "-t1", "-c2", "-d1s", target.Url), StringComparison.Ordinal);
    }
}

public sealed class TestbedWithVeths(WorldWithoutProxy world) : TestbedTests<WorldWithoutProxy>(world);

public sealed class TestbedWithBridge(BridgedWorldWithoutProxy world) : TestbedTests<BridgedWorldWithoutProxy>(world);

public sealed class ExceptionTests
{
    /// <summary>A renamed scenario must not leave its exception behind.</summary>
    [Fact]
    public void Every_exception_is_of_a_scenario_that_exists()
    {
        var scenarios = typeof(ExceptionTests).Assembly.GetTypes()
            .Where(type => !type.IsAbstract)
            .SelectMany(type => type.GetMethods().Where(method => method.IsDefined(typeof(FactAttribute), inherit: true)).Select(method => $"{type.Name}.{method.Name}"))
            .ToArray();
        Assert.All(Exceptions.Table, row => Assert.Contains(scenarios, scenario => row.Covers(row.Backend, scenario)));
    }
}
