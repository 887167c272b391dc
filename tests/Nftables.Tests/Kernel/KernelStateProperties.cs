using System.Collections.Immutable;
using CsCheck;
using Xunit;
using static ProxyFramework.Nftables.Tests.Services;

namespace ProxyFramework.Nftables.Tests.Kernel;

public sealed class KernelStateProperties
{
    private const int Names = 4;

    private static readonly string?[] SchedulerNames = [null, "wrr", "sh", "mh"];

    private static readonly string[] ForeignChanges =
    [
        "flush ruleset",
        "delete table ip svcproxy-v1",
        "flush set ip svcproxy-v1 cluster-ips",
        "flush map ip svcproxy-v1 endpoints-cluster",
        "flush chain ip svcproxy-v1 cluster",
        "add element ip svcproxy-v1 cluster-reject { 10.96.0.1 . tcp . 80 }",
    ];

    private static readonly Gen<ServicePort> AnyService =
        from name in Gen.Int[0, Names - 1]
        from endpoints in Gen.Int[1, 9].HashSet[0, 4]
        from local in Gen.Int[1, 9].HashSet[0, 3]
        from affinity in Gen.Int[0, 2]
        from frontends in Gen.Int[1, 7]
        from scheduler in Gen.Int[0, SchedulerNames.Length - 1]
        select Build(name, endpoints, local, affinity, frontends, SchedulerNames[scheduler]);

    private static readonly Gen<Step> AnyStep = Gen.Frequency(
        (6, AnyService.Array[1, 4].Select(services => new Step(services, null, null, false))),
        (2, Gen.Int[0, Names - 1].Select(name => new Step([], name, null, false))),
        (1, Gen.Const(new Step([], null, null, true))),
        (1, Gen.Int[0, ForeignChanges.Length - 1].Select(index => new Step([], null, ForeignChanges[index], false))));

    [Fact]
    public async Task After_any_series_of_changes_restarts_and_foreign_changes_the_kernel_has_what_a_fresh_load_gives()
    {
        await AnyStep.Array[1, 8].SampleAsync(
            async steps =>
            {
                await using var node = new Node();
                await node.StartAsync();
                var state = new Dictionary<ServicePortKey, ServicePort>();
                node.ApplyAll();
                foreach (var step in steps)
                {
                    await TakeAsync(node, state, step);
                }

                // Classes that are not used any more are kept until a full change set.
                node.ApplyAll(state.Values);
                await using var fresh = new Node();
                await fresh.StartAsync();
                Assert.Empty(fresh.ApplyAll(state.Values).Failures);
                Assert.Equal(fresh.List(), node.List());
            },
            iter: 40,
            threads: 1);
    }

    private static async Task TakeAsync(Node node, Dictionary<ServicePortKey, ServicePort> state, Step step)
    {
        if (step.Restart)
        {
            await node.StartAsync();
            Assert.Empty(node.ApplyAll(state.Values).Failures);
        }
        else if (step.Foreign is { } command)
        {
            var reported = node.Drift.Count;
            var before = node.List();
            node.Namespace.Exec("nft", command.Split(' '));
            if (before != node.List())
            {
                Assert.True(SpinWait.SpinUntil(() => node.Drift.Count > reported, TimeSpan.FromSeconds(20)), $"{command} was not reported");
                Assert.Empty(node.ApplyAll(state.Values).Failures);
            }
        }
        else if (step.Removed is { } name)
        {
            var keys = state.Keys.Where(key => key.Service.Name == NameOf(name)).ToList();
            keys.ForEach(key => state.Remove(key));
            node.Remove(keys);
        }
        else
        {
            var services = step.Services.DistinctBy(service => service.Key).ToList();
            services.ForEach(service => state[service.Key] = service);
            Assert.Empty(node.Apply(services).Failures);
        }
    }

    private static string NameOf(int number) => $"s{number}";

    private static ServicePort Build(int name, HashSet<int> endpoints, HashSet<int> local, int affinity, int frontends, string? scheduler)
    {
        var all = ImmutableArray.CreateBuilder<Frontend>();
        if ((frontends & 1) != 0)
        {
            all.Add(ClusterIP($"10.96.0.{name}"));
        }

        if ((frontends & 2) != 0)
        {
            all.Add(ClusterIP($"10.98.0.{name}") with { Kind = FrontendKind.LoadBalancerIP, Outside = ToLocal, SourceRanges = [InetPrefix.Parse("10.0.0.0/8")] });
        }

        if ((frontends & 4) != 0)
        {
            all.Add(NodePort((ushort)(30000 + name), ToLocal));
        }

        return Service(NameOf(name), GroupOf(endpoints, EndpointGroup.Reject), all.ToImmutable())
            .With(local: GroupOf(local, EndpointGroup.Drop), affinity: affinity * 30, scheduler: scheduler);
    }

    private static EndpointGroup GroupOf(HashSet<int> numbers, EndpointGroup none) => numbers.Count == 0
        ? none
        : EndpointGroup.Forward([.. numbers.Order().Select(n => new Endpoint(InetAddress.FromIPv4(0x0A000000u + (uint)n), 8080, (ushort)(1 + (n % 3)), n % 2 == 0))]);

    private sealed record Step(ServicePort[] Services, int? Removed, string? Foreign, bool Restart);
}
