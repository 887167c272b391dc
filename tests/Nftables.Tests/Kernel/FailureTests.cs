using Xunit;
using static ProxyFramework.Nftables.Tests.Services;

namespace ProxyFramework.Nftables.Tests.Kernel;

/// <summary>A service port that cannot be programmed costs nothing but itself.</summary>
public sealed class FailureTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_the_kernel_refuses_is_found_among_many_and_the_rest_comes_into_force(bool atStart)
    {
        await using var node = new Node();
        await node.StartAsync();
        if (!atStart)
        {
            node.ApplyAll();
        }

        // Two that claim one frontend: no source hands that over, and the kernel takes only one of them.
        ServicePort[] services =
        [
            .. ListingTests.Many(),
            Service("first", Group("10.0.0.1"), ClusterIP("10.97.0.1")),
            Service("second", Group("10.0.0.2"), ClusterIP("10.97.0.1")),
            Service("last", Group("10.0.0.3"), ClusterIP("10.97.0.2")),
        ];
        var failure = Assert.Single((atStart ? node.ApplyAll(services) : node.Apply(services)).Failures);
        Assert.Contains(failure.Key.Service.Name, new[] { "first", "second" });
        Assert.Contains("the kernel refused its rules", failure.Reason, StringComparison.Ordinal);
        var listing = node.List();
        Assert.Contains("10.97.0.2 . tcp . 80 . 0:1 : 10.0.0.3 . 8080", listing, StringComparison.Ordinal);
        Assert.Contains("10.97.0.1 . tcp . 80 . 0:1 : 10.0.0.", listing, StringComparison.Ordinal);
        Assert.Contains("10.96.0.59", listing, StringComparison.Ordinal);

        // The one that won goes: the other comes into force, as it is tried again.
        var winner = services.Single(service => service.Key.Service.Name is "first" or "second" && service.Key != failure.Key);
        node.Remove(winner.Key);
        Assert.Empty(node.Apply(services.Single(service => service.Key == failure.Key)).Failures);
    }

    [Fact]
    public async Task A_scheduler_that_throws_fails_its_own_services_alone()
    {
        await using var node = new Node();
        await node.StartAsync();
        var result = node.ApplyAll(
            Service("web", Group("10.0.0.1"), ClusterIP("10.97.0.1")),
            Service("bad", Group("10.0.0.2"), ClusterIP("10.97.0.2")).With(scheduler: "broken"));
        Assert.Contains("the plugin divides by zero", Assert.Single(result.Failures).Reason, StringComparison.Ordinal);
        Assert.Contains("10.97.0.1 . tcp . 80 . 0:1 : 10.0.0.1 . 8080", node.List(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_not_honoured_is_said()
    {
        await using var node = new Node();
        await node.StartAsync();
        var result = node.ApplyAll(Service("web", Group("10.0.0.1"), ClusterIP("10.97.0.1")).With(scheduler: "lc"));
        Assert.Contains("cannot be written as a table of slots", Assert.Single(result.Notices).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("masquerade-bit", "32")]
    [InlineData("drop-invalid", "perhaps")]
    [InlineData("affinity-clients", "0")]
    [InlineData("colour", "red")]
    public async Task A_setting_that_makes_no_sense_is_named(string name, string value)
    {
        await using var node = new Node();
        var error = await Assert.ThrowsAsync<BackendException>(() => node.StartAsync((name, value)));
        Assert.Contains($"nftables:{name}", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_probe_finds_what_it_needs_and_leaves_nothing()
    {
        await using var node = new Node();
        Assert.Empty(node.Probe().Missing);
        Assert.Equal("", node.List().Trim());
    }
}
