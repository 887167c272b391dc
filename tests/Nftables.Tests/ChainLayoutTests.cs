using System.Diagnostics;
using ProxyFramework.Backends.Nftables.Layout;
using Xunit;
using static ProxyFramework.Nftables.Tests.Services;

namespace ProxyFramework.Nftables.Tests;

public sealed class ChainLayoutTests
{
    private readonly ElementLayout _elements = new(new SlotTables(new Schedulers(), defaultScheduler: null));
    private readonly ChainLayout _chains = new(masqueradeBit: 0x4000);

    [Fact]
    public void The_number_of_sets_and_chains_does_not_depend_on_the_number_of_services()
    {
        var few = Build(30);
        var many = Build(1000);
        Assert.Equal(few.Sets.Count, many.Sets.Count);
        Assert.Equal(few.Chains.Count, many.Chains.Count);
        Assert.Equal(few.Chains.Sum(chain => chain.Rules.Length), many.Chains.Sum(chain => chain.Rules.Length));
    }

    [Theory]
    [InlineData(LocalPodDetectionMode.None)]
    [InlineData(LocalPodDetectionMode.ClusterCidr)]
    [InlineData(LocalPodDetectionMode.BridgeInterface)]
    [InlineData(LocalPodDetectionMode.InterfaceNamePrefix)]
    public async Task The_kernel_takes_every_rule_and_element_of_the_layout(LocalPodDetectionMode mode)
    {
        var (sets, chains, elements) = Build(30, new() { Mode = mode, InterfaceName = "cbr0" });
        var (status, output) = await RunInNewNamespace(new NftText(IPFamily.IPv4).Table(sets, chains, elements));
        Assert.True(status == 0, output);
    }

    [Fact]
    public async Task The_kernel_takes_the_rules_for_IPv6()
    {
        // Not the connection hash: nft 1.0.6 itself runs out of registers for it (the input has 40 bytes, the frontend's key 24, and there are 64).
        SetId[] classes = [.. new[] { SlotSelector.Random, SlotSelector.SourceHash }
            .SelectMany(selector => new SetId[]
            {
                new(SetKind.Class, Class: new(5, selector, 0)),
                new(SetKind.Class, IsNodePort: true, TrafficPolicy.Local, Class: new(3, selector, 60)),
            })];
        var chains = _chains.Build(classes, LocalPodDetection.None);
        var (status, output) = await RunInNewNamespace(new NftText(IPFamily.IPv6).Table(ChainLayout.FixedSets().Concat(classes), chains, []));
        Assert.True(status == 0, output);
    }

    private (List<SetId> Sets, List<Chain> Chains, List<Element> Elements) Build(int services, LocalPodDetection? pods = null)
    {
        var elements = new List<Element>();
        for (var i = 0; i < services; i++)
        {
            var restricted = ClusterIP($"10.98.{i / 250}.{i % 250}") with { Kind = FrontendKind.LoadBalancerIP, SourceRanges = [InetPrefix.Parse("10.0.0.0/8")] };
            var group = EndpointGroup.Forward([.. Enumerable.Range(1, 1 + (i % 5)).Select(n => new Endpoint(InetAddress.FromIPv4(0x0A000000u + (uint)n), 8080, IsLocal: true))]);
            _elements.Add(
                Service($"s{i}", group, ClusterIP($"10.96.{i / 250}.{i % 250}"), restricted, NodePort((ushort)(30000 + i), ToLocal))
                    .With(local: (i % 3) switch { 0 => EndpointGroup.Drop, 1 => EndpointGroup.Reject, _ => group }, affinity: i % 2 * 30),
                elements);
        }

        var classes = elements.Select(element => element.Key.Set).Where(set => set.Kind == SetKind.Class).Distinct().ToList();
        return ([.. ChainLayout.FixedSets(), .. classes], [.. _chains.Build(classes, pods ?? LocalPodDetection.None)], elements);
    }

    private static async Task<(int Status, string Output)> RunInNewNamespace(string rules)
    {
        using var nft = Process.Start(new ProcessStartInfo("unshare", ["--net", "nft", "-f", "-"])
        {
            RedirectStandardInput = true,
            RedirectStandardError = true,
        })!;
        await nft.StandardInput.WriteAsync(rules);
        nft.StandardInput.Close();
        var output = await nft.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await nft.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (nft.ExitCode, output);
    }
}
