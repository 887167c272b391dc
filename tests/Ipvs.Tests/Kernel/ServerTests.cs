using System.Collections.Immutable;
using System.Globalization;
using ProxyFramework.Backends.Ipvs;
using Xunit;
using static ProxyFramework.Ipvs.Tests.Services;

namespace ProxyFramework.Ipvs.Tests.Kernel;

/// <summary>What the backend leaves in the kernel, as the kernel's own tools show it.</summary>
[Trait("Kernel", "ipvs")]
public sealed class ServerTests : IAsyncDisposable
{
    private const string Foreign = "-A -t 10.96.0.9:80 -s rr";

    private readonly Node _node = new();

    public ValueTask DisposeAsync() => _node.DisposeAsync();

    [Fact]
    public async Task Ipvsadm_lists_exactly_what_a_hundred_generated_services_ask_for_and_so_it_does_after_changes_and_a_restart()
    {
        var random = new Random(4);
        var services = Enumerable.Range(0, 100).Select(number => Generate(random, number)).ToArray();
        await _node.StartAsync();
        _node.ApplyAll(services);
        Assert.Equal(Expected(services), _node.Servers());

        for (var i = 0; i < services.Length; i += 3)
        {
            services[i] = Generate(random, i);
        }

        _node.Apply(services.Where((_, i) => i % 3 == 0));
        await DrainedAsync(services);
        await _node.StartAsync();
        _node.ApplyAll(services[10..]);
        await DrainedAsync(services[10..]);
    }

    [Fact]
    public async Task Virtual_servers_of_others_are_left_alone_and_the_service_that_meets_one_fails_by_name_until_it_is_gone()
    {
        _node.Namespace.Exec("ipvsadm", Foreign.Split(' '));
        _node.Namespace.Exec("ipvsadm", "-A", "-f", "7", "-s", "wrr");
        await _node.StartAsync();
        var (met, web) = (Service("met", Group("10.0.0.1"), ClusterIP("10.96.0.9")), Service("web", Group("10.0.0.1"), ClusterIP("10.96.0.1")));
        var failure = Assert.Single(_node.ApplyAll(met, web).Failures);
        Assert.Equal(met.Key, failure.Key);
        Assert.Contains("10.96.0.9:80 exists and was not made by svcproxy", failure.Reason, StringComparison.Ordinal);
        Assert.Contains(Foreign, _node.Servers());
        Assert.Contains("-a -t 10.96.0.1:80 -r 10.0.0.1:8080 -m -w 1", _node.Servers());
        Assert.DoesNotContain("10.96.0.9", _node.Namespace.Exec("nft", "list", "ruleset"), StringComparison.Ordinal);

        // Not after a restart either, and not where it comes by a change.
        await _node.StartAsync();
        Assert.Single(_node.ApplyAll(met, web).Failures);
        _node.Remove(met.Key);
        Assert.Single(_node.Apply(met).Failures);
        Assert.Contains(Foreign, _node.Servers());

        _node.Namespace.Exec("ipvsadm", "-D", "-t", "10.96.0.9:80");
        Assert.Empty(_node.Apply(met).Failures);
        Assert.Contains("-a -t 10.96.0.9:80 -r 10.0.0.1:8080 -m -w 1", _node.Servers());
        await _node.CleanupAsync();
        Assert.Equal(["-A -f 7 -s wrr"], _node.Servers());
    }

    [Fact]
    public async Task Excluded_ranges_are_never_cleaned_up_even_where_the_table_that_names_ours_is_lost()
    {
        await _node.StartAsync();
        _node.ApplyAll(Service("web", Group("10.0.0.1"), ClusterIP("10.96.0.1")), Service("kept", Group("10.0.0.1"), ClusterIP("10.97.0.1")));
        await _node.StopAsync();
        _node.Namespace.Exec("nft", "flush", "ruleset");
        await _node.CleanupAsync(("exclude-cidrs", "10.97.0.0/16"));
        Assert.Equal(["-A -t 10.97.0.1:80 -s rr", "-a -t 10.97.0.1:80 -r 10.0.0.1:8080 -m -w 1"], _node.Servers());
    }

    [Fact]
    public async Task Timeouts_and_sysctls_are_set_and_cleanup_restores_them_and_removes_the_device()
    {
        string[] sysctls = ["vs/conntrack", "vs/expire_nodest_conn", "vs/expire_quiescent_template", "vs/conn_reuse_mode", "conf/all/arp_ignore", "conf/all/arp_announce"];
        string Sysctls() => _node.Namespace.Run(() => string.Join(' ', sysctls.Select(static name => File.ReadAllText("/proc/sys/net/ipv4/" + name).Trim())));
        var (before, timeouts) = (Sysctls(), _node.Namespace.Exec("ipvsadm", "-l", "--timeout"));
        await _node.StartAsync(("tcp-timeout", "1000"), ("tcp-fin-timeout", "50"), ("udp-timeout", "70"), ("strict-arp", "true"), ("device", "vips"));
        _node.ApplyAll(Service("web", Group("10.0.0.1"), ClusterIP("10.96.0.1")));
        Assert.Equal("1 1 1 1 1 2", Sysctls());
        Assert.Contains("1000 50 70", _node.Namespace.Exec("ipvsadm", "-l", "--timeout"), StringComparison.Ordinal);
        Assert.Contains("local 10.96.0.1", _node.Namespace.Exec("ip", "route", "show", "table", "local", "dev", "vips"), StringComparison.Ordinal);

        // The first run's record counts, not that of a later one.
        await _node.StartAsync(("device", "vips"));
        _node.ApplyAll(Service("web", Group("10.0.0.1"), ClusterIP("10.96.0.1")));
        await _node.CleanupAsync(("device", "vips"));
        Assert.Equal((before, timeouts), (Sysctls(), _node.Namespace.Exec("ipvsadm", "-l", "--timeout")));
        Assert.DoesNotContain("vips", _node.Namespace.Exec("ip", "link"), StringComparison.Ordinal);
        Assert.Empty(_node.Servers());
        Assert.Empty(_node.Namespace.Exec("nft", "list", "ruleset"));
    }

    [Fact]
    public async Task What_others_change_is_found_and_undone()
    {
        var (web, other) = (Service("web", Group("10.0.0.1", "10.0.0.2"), ClusterIP("10.96.0.1")), Service("other", Group("10.0.0.1"), NodePort(30000, Masqueraded)));
        await _node.StartAsync();
        _node.ApplyAll(web, other);
        var servers = _node.Servers();
        var rules = Rules();
        _node.Namespace.Exec("ipvsadm", "-E", "-t", "10.96.0.1:80", "-s", "lc");
        _node.Namespace.Exec("ipvsadm", "-e", "-t", "10.96.0.1:80", "-r", "10.0.0.1:8080", "-m", "-w", "5");
        _node.Namespace.Exec("ipvsadm", "-d", "-t", "10.96.0.1:80", "-r", "10.0.0.2:8080");
        _node.Namespace.Exec("ipvsadm", "-D", "-t", "192.0.2.1:30000");
        _node.Namespace.Exec("ip", "route", "delete", "local", "10.96.0.1", "table", "local");
        Assert.Empty(_node.Resync().Failures);
        Assert.Equal(servers, _node.Servers());
        Assert.Contains("10.96.0.1", _node.Namespace.Exec("ip", "route", "show", "table", "local", "proto", "79"), StringComparison.Ordinal);

        Assert.Empty(_node.Drift);
        _node.Namespace.Exec("nft", "delete", "element", "ip", "svcproxy-ipvs-v1", "services", "{ 10.96.0.1 . tcp . 80 }");
        _node.Namespace.Exec("nft", "flush", "chain", "ip", "svcproxy-ipvs-v1", "prerouting");
        Assert.True(SpinWait.SpinUntil(() => _node.Drift.Count > 0, TimeSpan.FromSeconds(60)), "the change is heard");
        Assert.Contains(_node.Drift, static what => what.Contains("svcproxy-ipvs-v1", StringComparison.Ordinal));
        _node.Resync();
        Assert.Equal(rules, Rules());

        string Rules() => string.Join('\n', _node.Namespace.Exec("nft", "-s", "list", "table", "ip", "svcproxy-ipvs-v1").Split('\n').Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Direct_routing_and_tunnels_are_what_the_annotation_asks_for_and_refused_with_a_reason_where_the_port_would_change()
    {
        await _node.StartAsync();
        Assert.Empty(_node.ApplyAll(Forwarded("direct", 8080), Forwarded("tunnel", 8081, 8081)).Notices);
        Assert.Contains("-a -t 10.96.0.1:8080 -r 10.0.0.1:8080 -g -w 1", _node.Servers());
        Assert.Contains(_node.Servers(), static line => line.StartsWith("-a -t 10.96.0.1:8081 -r 10.0.0.1:8081 -i -w 1", StringComparison.Ordinal));
        var notice = Assert.Single(_node.Apply(Forwarded("direct", 80)).Notices);
        Assert.Contains("'direct' keeps the port", notice.Message, StringComparison.Ordinal);
        Assert.Contains("-a -t 10.96.0.1:80 -r 10.0.0.1:8080 -m -w 1", _node.Servers());
        Assert.Contains("'magic' is none of", Assert.Single(_node.Apply(Forwarded("magic", 80)).Notices).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_failure_is_that_service_ports_alone()
    {
        await _node.StartAsync();
        var group = EndpointGroup.Forward([new(InetAddress.Parse("224.0.0.1"), 8080)]);
        var failure = Assert.Single(_node.ApplyAll(Service("bad", group, ClusterIP("10.96.0.2")), Service("web", Group("10.0.0.1"), ClusterIP("10.96.0.1"))).Failures);
        Assert.Equal("bad", failure.Key.Service.Name);
        Assert.Contains("-a -t 10.96.0.1:80 -r 10.0.0.1:8080 -m -w 1", _node.Servers());
        Assert.Empty(_node.Apply(Service("bad", Group("10.0.0.1"), ClusterIP("10.96.0.2"))).Failures);
        Assert.Contains("-a -t 10.96.0.2:80 -r 10.0.0.1:8080 -m -w 1", _node.Servers());
    }

    [Fact]
    public void The_probe_finds_nothing_missing()
    {
        var support = _node.Namespace.Run(() => new IpvsBackend().ProbeAsync(CancellationToken.None).AsTask().GetAwaiter().GetResult());
        Assert.True(support.IsSupported, string.Join("; ", support.Missing));
    }

    private static ServicePort Forwarded(string forwarding, ushort port, ushort targetPort = 8080) => new()
    {
        Key = new(new("ns", forwarding), "http", TransportProtocol.Tcp, IPFamily.IPv4),
        Frontends = [ClusterIP("10.96.0.1", port)],
        Cluster = EndpointGroup.Forward([new(InetAddress.Parse("10.0.0.1"), targetPort)]),
        Local = EndpointGroup.Forward([new(InetAddress.Parse("10.0.0.1"), targetPort)]),
        Options = new Dictionary<string, string> { ["forwarding"] = forwarding },
    };

    private static ServicePort Generate(Random random, int number)
    {
        string?[] schedulers = [null, "rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq", "fo", "ovf", "mh"];
        TransportProtocol[] protocols = [TransportProtocol.Tcp, TransportProtocol.Udp, TransportProtocol.Sctp];
        var protocol = protocols[number % 3];
        var group = EndpointGroup.Forward(
        [
            .. Enumerable.Range(1, 9).Where(_ => random.Next(2) == 0).DefaultIfEmpty(1).Select(last =>
                new Endpoint(InetAddress.FromIPv4(0x0A000000u + (uint)last), (ushort)(8000 + (number % 7)), (ushort)random.Next(1, 4))),
        ]);
        var clusterIP = ClusterIP(string.Create(CultureInfo.InvariantCulture, $"10.96.1.{1 + number}"), (ushort)(1 + number));
        ImmutableArray<Frontend> frontends = random.Next(2) == 0 ? [clusterIP] : [clusterIP, NodePort((ushort)(30000 + number), Masqueraded)];
        return Service(
            $"s{number}", group, group, random.Next(3) == 0 ? random.Next(1, 86401) : 0, schedulers[random.Next(schedulers.Length)], protocol, [], frontends);
    }

    /// <summary>Written from ipvsadm(8), not with the backend's own translation.</summary>
    private static string[] Expected(IEnumerable<ServicePort> services)
    {
        var lines = new List<string>();
        foreach (var service in services)
        {
            var flag = service.Protocol switch { TransportProtocol.Tcp => "-t", TransportProtocol.Udp => "-u", _ => "--sctp-service" };
            var endpoints = service.Cluster.Endpoints;
            var scheduler = service.Scheduler ?? (endpoints.All(endpoint => endpoint.Weight == endpoints[0].Weight) ? "rr" : "wrr");
            foreach (var frontend in service.Frontends)
            {
                var at = string.Create(
                    CultureInfo.InvariantCulture, $"{flag} {(frontend.Kind == FrontendKind.NodePort ? "192.0.2.1" : frontend.Address)}:{frontend.Port}");
                var persistence = service.AffinityTimeoutSeconds > 0 ? string.Create(CultureInfo.InvariantCulture, $" -p {service.AffinityTimeoutSeconds}") : "";
                var flags = scheduler is "sh" or "mh" ? $" -b {scheduler}-fallback" : "";
                lines.Add($"-A {at} -s {scheduler}{persistence}{flags}");
                lines.AddRange(endpoints.Select(endpoint => string.Create(
                    CultureInfo.InvariantCulture, $"-a {at} -r {endpoint.Address}:{endpoint.Port} -m -w {endpoint.Weight}")));
            }
        }

        return [.. lines.Order(StringComparer.Ordinal)];
    }

    private async Task DrainedAsync(ServicePort[] services)
    {
        var expected = Expected(services);
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        while (!expected.SequenceEqual(_node.Servers()) && !limit.IsCancellationRequested)
        {
            await Task.Delay(200, TestContext.Current.CancellationToken);
        }

        Assert.Equal(expected, _node.Servers());
    }
}
