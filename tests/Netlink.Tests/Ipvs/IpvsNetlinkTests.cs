using System.Globalization;
using System.Net;
using System.Net.Sockets;
using ProxyFramework.Netlink.Ipvs;
using ProxyFramework.Testing;
using Xunit;

namespace ProxyFramework.Netlink.Tests.Ipvs;

/// <summary>Round trips through a kernel with IPVS, compared with what ipvsadm(8) says about it.</summary>
[Trait("Kernel", "ipvs")]
public sealed class IpvsNetlinkTests : IDisposable
{
    private static readonly IpvsServiceKey Web = new(TransportProtocol.Tcp, Ip("10.96.0.10"), 443);
    private static readonly string[] Schedulers =
        ["rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq", "fo", "ovf", "mh"];

    private readonly NetworkNamespace _ns = NetworkNamespace.Create();
    private readonly IpvsNetlink _ipvs;
    private readonly IpvsBatch _batch;

    public IpvsNetlinkTests()
    {
        _ipvs = _ns.Run(IpvsNetlink.Open);
        _batch = _ipvs.CreateBatch();
    }

    public void Dispose()
    {
        _batch.Dispose();
        _ipvs.Dispose();
        _ns.Dispose();
    }

    [Fact]
    public void A_hundred_generated_services_are_what_ipvsadm_lists_and_are_read_back_equal()
    {
        var services = IpvsSamples.Services(100, Schedulers);
        foreach (var (service, destinations) in services)
        {
            _batch.AddService(service);
            foreach (var destination in destinations)
            {
                _batch.AddDestination(service.Key, destination);
            }
        }

        Assert.Empty(_ipvs.TryExecute(_batch));

        Assert.Equal(
            services.SelectMany(entry => IpvsSamples.SavedByIpvsadm(entry.Service, entry.Destinations)).Order(StringComparer.Ordinal),
            Lines(_ns.Exec("ipvsadm", "-Sn")).Order(StringComparer.Ordinal));
        AssertReadBack(services);
    }

    [Fact]
    public void What_ipvsadm_restores_is_read_with_every_field()
    {
        var services = IpvsSamples.Services(60, Schedulers);
        var saved = services.SelectMany(entry => IpvsSamples.SavedByIpvsadm(entry.Service, entry.Destinations));
        _ns.ExecWithInput(string.Join('\n', saved) + "\n", "ipvsadm", "-R");

        // ipvsadm neither saves nor restores thresholds.
        AssertReadBack([.. services.Select(entry => (entry.Service, entry.Destinations
            .Select(destination => destination with { UpperThreshold = 0, LowerThreshold = 0 }).ToArray()))]);
    }

    [Fact]
    public void Thresholds_are_those_that_ipvsadm_lists()
    {
        _batch.AddService(new IpvsService(Web, "wlc"));
        _batch.AddDestination(Web, new IpvsDestination(Ip("10.0.0.7"), 443) { UpperThreshold = 100, LowerThreshold = 60 });
        _ipvs.Execute(_batch);

        var line = Lines(_ns.Exec("ipvsadm", "-Ln", "--thresholds"))[^1];

        Assert.Equal(["->", "10.0.0.7:443", "100", "60", "0", "0"], line.Split(' ', StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public void A_change_to_a_service_keeps_its_destinations()
    {
        _batch.AddService(new IpvsService(Web, "wrr") { Flags = IpvsServiceFlags.Persistent, Timeout = TimeSpan.FromSeconds(300) });
        _batch.AddDestination(Web, new IpvsDestination(Ip("10.0.0.7"), 8443) { Weight = 3 });
        _batch.SetService(new IpvsService(Web, "mh") { Flags = IpvsServiceFlags.Scheduler1 | IpvsServiceFlags.Scheduler2 });
        _batch.SetDestination(Web, new IpvsDestination(Ip("10.0.0.7"), 8443) { Weight = 0, UpperThreshold = 9 });
        _ipvs.Execute(_batch);

        Assert.Equal(
            ["-A -t 10.96.0.10:443 -s mh -b mh-fallback,mh-port", "-a -t 10.96.0.10:443 -r 10.0.0.7:8443 -m -w 0"], Lines(_ns.Exec("ipvsadm", "-Sn")));
        Assert.Equal(9u, Assert.Single(_ipvs.GetDestinations(Web)).Destination.UpperThreshold);
    }

    [Fact]
    public void Each_refused_change_is_named_by_its_position_and_the_others_are_carried_out()
    {
        var destination = new IpvsDestination(Ip("10.0.0.7"), 443);
        var missing = new IpvsServiceKey(TransportProtocol.Tcp, Ip("10.96.0.99"), 1);
        _batch.AddService(new IpvsService(Web, "rr"));
        _batch.AddService(new IpvsService(Web, "rr"));
        _batch.AddService(new IpvsService(missing, "no-such"));
        _batch.AddDestination(Web, destination);
        _batch.AddDestination(Web, destination);
        _batch.AddDestination(missing, destination);
        _batch.SetDestination(Web, new IpvsDestination(Ip("10.0.0.8"), 443));
        _batch.AddDestination(Web, new IpvsDestination(Ip("10.0.0.9"), 443) { Weight = -1 });
        _batch.AddDestination(Web, new IpvsDestination(Ip("10.0.0.9"), 443) { LowerThreshold = 2, UpperThreshold = 1 });
        _batch.AddDestination(Web, new IpvsDestination(Ip("fd00::9"), 443));
        _batch.DeleteDestination(Web, new IpvsDestination(Ip("10.0.0.8"), 443));
        _batch.DeleteService(missing);
        _batch.AddDestination(Web, new IpvsDestination(Ip("10.0.0.10"), 443));

        var errors = _ipvs.TryExecute(_batch);

        Assert.Equal(
            [
                (1, "IPVS_CMD_NEW_SERVICE", Errno.EEXIST), (2, "IPVS_CMD_NEW_SERVICE", Errno.ENOENT), (4, "IPVS_CMD_NEW_DEST", Errno.EEXIST),
                (5, "IPVS_CMD_NEW_DEST", Errno.ESRCH), (6, "IPVS_CMD_SET_DEST", Errno.ENOENT), (7, "IPVS_CMD_NEW_DEST", Errno.ERANGE),
                (8, "IPVS_CMD_NEW_DEST", Errno.ERANGE), (9, "IPVS_CMD_NEW_DEST", Errno.EINVAL), (10, "IPVS_CMD_DEL_DEST", Errno.ENOENT),
                (11, "IPVS_CMD_DEL_SERVICE", Errno.ESRCH),
            ],
            errors.Select(error => (error.MessageIndex, error.Request, error.Errno)));
        Assert.Equal([Ip("10.0.0.7"), Ip("10.0.0.10")], _ipvs.GetDestinations(Web).Select(state => state.Destination.Address).Order());
    }

    [Fact]
    public void Thousands_of_changes_go_out_in_one_call_and_all_services_are_listed()
    {
        var keys = Enumerable.Range(0, 3_000).Select(number => new IpvsServiceKey(
            TransportProtocol.Tcp, InetAddress.FromIPv4(0x0A600000u + (uint)number), 80)).ToArray();
        foreach (var key in keys)
        {
            _batch.AddService(new IpvsService(key, "rr"));
            _batch.AddDestination(key, new IpvsDestination(Ip("10.0.0.7"), 8080));
        }

        Assert.Empty(_ipvs.TryExecute(_batch));

        Assert.Equal(keys.Select(key => key.Address).Order(), _ipvs.GetServices().Select(state => state.Service.Key.Address).Order());
        Assert.Equal(8080, Assert.Single(_ipvs.GetDestinations(keys[2_999])).Destination.Port);
    }

    [Fact]
    public void A_service_is_found_by_its_key_or_is_null()
    {
        var mark = new IpvsServiceKey(IPFamily.IPv6, 7);
        _batch.AddService(new IpvsService(Web, "rr"));
        _batch.AddService(new IpvsService(mark, "lc"));
        _ipvs.Execute(_batch);

        Assert.Equal(new IpvsService(Web, "rr"), _ipvs.FindService(Web)!.Service);
        Assert.Equal(new IpvsService(mark, "lc"), _ipvs.FindService(mark)!.Service);
        Assert.Null(_ipvs.FindService(new IpvsServiceKey(TransportProtocol.Udp, Ip("10.96.0.10"), 443)));
        Assert.Empty(_ipvs.GetDestinations(new IpvsServiceKey(TransportProtocol.Udp, Ip("10.96.0.10"), 443)));
    }

    [Fact]
    public void Deleting_flushing_and_namespaces_touch_what_they_name_only()
    {
        using var other = NetworkNamespace.Create();
        using var otherIpvs = other.Run(IpvsNetlink.Open);
        using var otherBatch = otherIpvs.CreateBatch();
        var dns = new IpvsServiceKey(TransportProtocol.Udp, Ip("10.96.0.53"), 53);
        otherBatch.AddService(new IpvsService(Web, "rr"));
        otherIpvs.Execute(otherBatch);
        _batch.AddService(new IpvsService(Web, "rr"));
        _batch.AddService(new IpvsService(dns, "rr"));
        _batch.DeleteService(Web);
        _ipvs.Execute(_batch);

        Assert.Equal(dns, Assert.Single(_ipvs.GetServices()).Service.Key);
        _ipvs.Flush();
        Assert.Empty(_ipvs.GetServices());
        Assert.Equal(Web, Assert.Single(otherIpvs.GetServices()).Service.Key);
    }

    [Fact]
    public void Timeouts_are_set_one_by_one_and_are_those_that_ipvsadm_lists()
    {
        var before = _ipvs.GetTimeouts();
        _ipvs.SetTimeouts(before with { Tcp = TimeSpan.FromSeconds(901), Udp = TimeSpan.FromSeconds(301) });
        _ipvs.SetTimeouts(new IpvsTimeouts(TimeSpan.Zero, TimeSpan.FromSeconds(121), TimeSpan.Zero));

        Assert.Equal(new IpvsTimeouts(TimeSpan.FromSeconds(900), TimeSpan.FromSeconds(120), TimeSpan.FromSeconds(300)), before);
        Assert.Equal(
            new IpvsTimeouts(TimeSpan.FromSeconds(901), TimeSpan.FromSeconds(121), TimeSpan.FromSeconds(301)), _ipvs.GetTimeouts());
        Assert.Equal("Timeout (tcp tcpfin udp): 901 121 301", Assert.Single(Lines(_ns.Exec("ipvsadm", "-Ln", "--timeout"))));
    }

    [Fact]
    public void Version_and_table_size_are_those_that_ipvsadm_lists()
    {
        var info = _ipvs.GetInfo();

        Assert.Equal($"IP Virtual Server version {info.Version} (size={info.ConnectionTableSize})", Lines(_ns.Exec("ipvsadm", "-Ln"))[0]);
    }

    [Fact]
    public void Statistics_and_connections_count_what_goes_through_and_are_zeroed()
    {
        _ns.Exec("ip", "address", "add", "10.96.0.10/32", "dev", "lo");
        using var listener = _ns.Run(() =>
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(new IPEndPoint(IPAddress.Loopback, 8443));
            socket.Listen();
            return socket;
        });
        _batch.AddService(new IpvsService(Web, "rr"));
        _batch.AddDestination(Web, new IpvsDestination(Ip("127.0.0.1"), 8443));
        _ipvs.Execute(_batch);
        using var client = _ns.Run(() => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp));
        client.Connect(IPAddress.Parse("10.96.0.10"), 443);
        using var accepted = listener.Accept();
        client.Send(new byte[1_000]);
        Assert.Equal(1_000, accepted.Receive(new byte[1_000]));

        // The kernel brings the counters up to date every 2 s.
        var destination = WaitFor(() => Assert.Single(_ipvs.GetDestinations(Web)), state => state.Statistics.BytesIn >= 1_000);
        var service = WaitFor(() => _ipvs.FindService(Web)!, state => state.Statistics.BytesIn >= 1_000);

        Assert.Equal((1u, 0u), (destination.ActiveConnections, destination.InactiveConnections));
        Assert.Equal(1u, destination.Statistics.Connections);
        Assert.InRange(service.Statistics.BytesIn, 1_000u, 2_000u);
        Assert.InRange(service.Statistics.PacketsIn, 3u, 10u);
        Assert.InRange(service.Statistics.PacketsOut, 2u, 10u);
        _batch.Reset();
        _batch.Zero(Web);
        _ipvs.Execute(_batch);
        Assert.Equal(0u, _ipvs.FindService(Web)!.Statistics.BytesIn);
        client.Send(new byte[100]);
        Assert.Equal(100, accepted.Receive(new byte[1_000]));
        WaitFor(() => Assert.Single(_ipvs.GetServices()), state => state.Statistics.BytesIn is >= 100 and < 500);
        _ipvs.ZeroAll();
        Assert.Equal(0u, _ipvs.FindService(Web)!.Statistics.BytesIn);
    }

    [Fact]
    public void A_probe_finds_what_there_is_names_what_is_missing_and_leaves_nothing_behind()
    {
        var support = _ns.Run(() => IpvsSupport.Probe([.. Schedulers, "no-such"]));

        Assert.Equal(["no-such"], support.MissingSchedulers);
        Assert.Contains("modprobe ip_vs_no-such", Assert.Single(support.Problems), StringComparison.Ordinal);
        Assert.True(IpvsSupport.Probe(Schedulers).IsComplete);
        Assert.Equal(_ipvs.GetInfo(), support.Info);
        Assert.Empty(_ipvs.GetServices());
    }

    private static InetAddress Ip(string text) => InetAddress.Parse(text);

    private static T WaitFor<T>(Func<T> read, Func<T, bool> condition)
    {
        var deadline = Environment.TickCount64 + 60_000;
        while (true)
        {
            var value = read();
            if (condition(value))
            {
                return value;
            }

            Assert.True(Environment.TickCount64 < deadline, $"still {value} after a minute");
            Thread.Sleep(100);
        }
    }

    private static string[] Lines(string output) =>
        [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Trim())];

    private void AssertReadBack(IReadOnlyList<(IpvsService Service, IpvsDestination[] Destinations)> expected)
    {
        var read = _ipvs.GetServices().Select(state => state.Service).ToHashSet();
        Assert.Equal(expected.Count, read.Count);
        foreach (var (service, destinations) in expected)
        {
            Assert.Contains(service, read);
            Assert.Equal(
                destinations.Select(Text).Order(StringComparer.Ordinal),
                _ipvs.GetDestinations(service.Key).Select(state => Text(state.Destination)).Order(StringComparer.Ordinal));
        }

        static string Text(IpvsDestination destination) => string.Create(
            CultureInfo.InvariantCulture,
            $"{destination} {destination.Forwarding} {destination.Weight} {destination.UpperThreshold} {destination.LowerThreshold} {destination.Tunnel}");
    }
}
