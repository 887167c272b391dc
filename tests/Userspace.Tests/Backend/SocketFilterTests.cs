using ProxyFramework.Backends.Userspace;
using Xunit;

namespace ProxyFramework.Userspace.Tests.Backend;

public sealed class SocketFilterTests
{
    [Fact]
    public void What_lets_everything_in_needs_no_filter() =>
        Assert.Null(SocketFilter.Build(new AdmissionRule(IPFamily.IPv4, true, true, true)));

    [Fact]
    public void Equal_rules_make_equal_filters_so_that_none_is_attached_again()
    {
        static SocketFilter? Build(string range) => SocketFilter.Build(
            new AdmissionRule(IPFamily.IPv4, true, true, true) { SourceRanges = [InetPrefix.Parse(range)] });
        Assert.Equal(Build("10.0.0.0/8"), Build("10.0.0.0/8"));
        Assert.NotEqual(Build("10.0.0.0/8"), Build("10.0.0.0/9"));
    }

    [Fact]
    public void Too_many_ranges_are_refused_with_the_numbers()
    {
        var ranges = Enumerable.Range(0, 2000).Select(number => InetPrefix.Single(InetAddress.FromIPv4((uint)number)));
        var error = Assert.Throws<BackendException>(
            () => SocketFilter.Build(new AdmissionRule(IPFamily.IPv4, true, true, true) { SourceRanges = [.. ranges] }));
        Assert.Contains("the kernel takes 4096", error.Message, StringComparison.Ordinal);
    }
}
