using System.Net;
using ProxyFramework.Backends.Userspace;
using Xunit;

namespace ProxyFramework.Userspace.Tests.Backend;

public sealed class RefusalTests
{
    [Fact]
    public async Task An_address_in_use_fails_that_service_port_only_and_names_it()
    {
        await using var test = await BackendUnderTest.StartAsync();
        using var server = new TcpServer("a");
        var (taken, free) = (Services.FreeFrontend(), Services.FreeFrontend());
        using var other = new TcpServer("other", address: taken.Address.ToIPAddress(), port: taken.Port);
        var service = Services.Make(taken, [server.EndPoint], "taken");
        var result = await test.TryApplyAsync(service, Services.Make(free, [server.EndPoint], "free"));
        var failure = Assert.Single(result.Failures);
        Assert.Equal(service.Key, failure.Key);
        Assert.Contains($"{taken.Address}:{taken.Port}/TCP: another process listens there", failure.Reason, StringComparison.Ordinal);
        Assert.Equal("a", await TcpClient.AskAsync(free));

        // The retry that the sync loop makes succeeds when the address is free.
        other.Dispose();
        await test.ApplyAsync(service);
        Assert.Equal("a", await TcpClient.AskAsync(taken));
    }

    [Fact]
    public async Task An_address_that_cannot_be_made_local_fails_with_the_missing_capability_and_other_frontends_work()
    {
        await using var test = await BackendUnderTest.StartAsync();
        using var server = new TcpServer("a");
        var free = Services.FreeFrontend();
        var far = (InetAddress.Parse("198.51.100.7"), (ushort)8080);
        var result = await test.TryApplyAsync(Services.Make([Services.At(far), Services.At(free, FrontendKind.ExternalIP)], [server.EndPoint]));
        var failure = Assert.Single(result.Failures);
        Assert.Contains("198.51.100.7", failure.Reason, StringComparison.Ordinal);
        Assert.Contains("CAP_NET_ADMIN", failure.Reason, StringComparison.Ordinal);
        Assert.Equal("a", await TcpClient.AskAsync(free));
    }

    [Fact]
    public async Task A_privileged_port_without_the_capability_fails_and_names_it()
    {
        await using var test = await BackendUnderTest.StartAsync();
        using var server = new TcpServer("a");
        var (address, _) = Services.FreeFrontend();
        var result = Capabilities.WithoutAny(() => test.TryApplyAsync(Services.Make((address, 81), [server.EndPoint])).GetAwaiter().GetResult());
        Assert.Contains("needs CAP_NET_BIND_SERVICE", Assert.Single(result.Failures).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_capabilities_loopback_frontends_on_high_ports_work_and_the_probe_names_the_limits()
    {
        using var server = new TcpServer("a");
        var frontend = Services.FreeFrontend();
        var (test, support) = Capabilities.WithoutAny(() =>
        {
            var started = BackendUnderTest.StartWithRoutes();
            started.ApplyAsync(Services.Make([Services.At(frontend)], [server.EndPoint])).GetAwaiter().GetResult();
            return (started, started.Backend.ProbeAsync(CancellationToken.None).AsTask().GetAwaiter().GetResult());
        });
        await using (test)
        {
            Assert.Equal("a", await TcpClient.AskAsync(frontend));
            Assert.True(support.IsSupported);
            Assert.Contains(support.Limits, limit => limit.StartsWith("without CAP_NET_ADMIN only addresses that this machine has", StringComparison.Ordinal));
            Assert.Contains(support.Limits, limit => limit.StartsWith("without CAP_NET_BIND_SERVICE ports below", StringComparison.Ordinal));
            Assert.DoesNotContain(test.Lines, line => line.StartsWith("Warning", StringComparison.Ordinal));
            Assert.Equal(100, support.Preference);
            Assert.Equal("userspace", test.Backend.Name);
        }
    }

    [Fact]
    public async Task Listeners_leave_descriptors_for_connections_and_the_failure_has_the_numbers()
    {
        await using var test = await BackendUnderTest.StartAsync(descriptors: new DescriptorLimit(70));
        using var server = new TcpServer("a");
        var services = Enumerable.Range(0, 8).Select(number => Services.Make(Services.FreeFrontend(), [server.EndPoint], $"web-{number}")).ToArray();
        var result = await test.TryApplyAsync(services);
        Assert.Equal(6, test.Backend.ListenerCount);
        Assert.Equal(2, result.Failures.Length);
        Assert.Contains("6 listening sockets are open and 64 of 70 file descriptors", result.Failures[0].Reason, StringComparison.Ordinal);
        Assert.Equal("a", await TcpClient.AskAsync((services[0].Frontends[0].Address, services[0].Frontends[0].Port)));
    }

    [Fact]
    public async Task Annotations_that_are_not_honoured_are_named_once()
    {
        await using var test = await BackendUnderTest.StartAsync();
        using var server = new TcpServer("a");
        var frontend = Services.FreeFrontend();
        var service = Services.Make(frontend, [server.EndPoint])
            .With(scheduler: "mh", options: [("colour", "blue"), ("proxy-protocol", "v3"), ("retries", "many")]);
        var result = await test.TryApplyAsync(service);
        Assert.Empty(result.Failures);
        Assert.All(result.Notices, notice => Assert.Equal(service.Key, notice.Key));
        string[] expected =
        [
            "annotation proxyframework.io/scheduler: there is no scheduler 'mh'; loaded are: rr, wrr, random, lc; 'rr' is used instead",
            "annotation proxyframework.io/colour: userspace mode does not know it",
            "annotation proxyframework.io/proxy-protocol: 'v3' is neither v1 nor v2",
            "annotation proxyframework.io/retries: 'many' is not a whole number",
        ];
        Assert.All(expected, text => Assert.Contains(result.Notices, notice => notice.Message.StartsWith(text, StringComparison.Ordinal)));
        Assert.Equal(expected.Length, result.Notices.Length);
        Assert.Equal("a", await TcpClient.AskAsync(frontend));
        Assert.Empty((await test.ApplyFullAsync(service)).Notices);
    }

    [Fact]
    public async Task SCTP_is_refused_with_a_notice_and_not_retried()
    {
        await using var test = await BackendUnderTest.StartAsync();
        var result = await test.TryApplyAsync(
            Services.Make(Services.FreeFrontend(), [new IPEndPoint(IPAddress.Loopback, 9)], protocol: TransportProtocol.Sctp));
        Assert.Empty(result.Failures);
        Assert.Contains("does not proxy SCTP", Assert.Single(result.Notices).Message, StringComparison.Ordinal);
        Assert.Equal(0, test.Backend.ListenerCount);
    }

    [Fact]
    public async Task The_proxy_protocol_is_refused_for_UDP()
    {
        await using var test = await BackendUnderTest.StartAsync();
        using var server = new UdpServer("a");
        var result = await test.TryApplyAsync(
            Services.Make(Services.FreeFrontend(), [server.EndPoint], protocol: TransportProtocol.Udp).With(options: ("proxy-protocol", "v2")));
        Assert.Contains("over TCP only", Assert.Single(result.Notices).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_scheduler_that_throws_fails_its_service_port_and_leaves_the_former_state_in_force()
    {
        await using var test = await BackendUnderTest.StartAsync(schedulers: [new BrokenScheduler()]);
        using var server = new TcpServer("a");
        var frontend = Services.FreeFrontend();
        var service = Services.Make(frontend, [server.EndPoint]);
        await test.ApplyAsync(service);
        var result = await test.TryApplyAsync(service.With(scheduler: "broken"));
        Assert.Contains("'broken' failed: InvalidOperationException: no luck", Assert.Single(result.Failures).Reason, StringComparison.Ordinal);
        Assert.Equal("a", await TcpClient.AskAsync(frontend));
        await test.ApplyAsync(service);
        Assert.Equal("a", await TcpClient.AskAsync(frontend));
    }

    [Fact]
    public async Task A_default_scheduler_that_is_not_loaded_stops_the_start()
    {
        var error = await Assert.ThrowsAsync<BackendException>(() => BackendUnderTest.StartAsync(defaultScheduler: "maglev"));
        Assert.Contains("no scheduler 'maglev'; loaded are: rr, wrr, random, lc", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Unknown_and_invalid_settings_are_all_named()
    {
        var error = await Assert.ThrowsAsync<BackendException>(
            () => BackendUnderTest.StartAsync(settings: [("conect-timeout", "5s"), ("udp-timeout", "soon"), ("udp-flows", "-1")]));
        Assert.Contains("userspace:conect-timeout: this mode has no such setting", error.Message, StringComparison.Ordinal);
        Assert.Contains("userspace:udp-timeout: 'soon' is not a duration", error.Message, StringComparison.Ordinal);
        Assert.Contains("userspace:udp-flows: '-1' is not a whole number", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("250ms", 250)]
    [InlineData("1m30s", 90_000)]
    [InlineData("1.5s", 1_500)]
    [InlineData("00:00:05", 5_000)]
    [InlineData("0", 0)]
    [InlineData("5", null)]
    [InlineData("s", null)]
    [InlineData("", null)]
    [InlineData("-5s", null)]
    [InlineData("99999999999999h", null)]
    public void Durations_are_read_as_kubernetes_writes_them(string text, int? milliseconds)
    {
        Assert.Equal(milliseconds is not null, OptionReader.TryParseDuration(text, out var duration));
        Assert.Equal(milliseconds ?? duration.TotalMilliseconds, duration.TotalMilliseconds);
    }

    private sealed class BrokenScheduler : IScheduler
    {
        public string Name => "broken";

        public bool NeedsLoads => false;

        public IEndpointPicker CreatePicker(PickerContext context) => throw new InvalidOperationException("no luck");
    }
}
