using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using ProxyFramework.ApiServerStandIn;
using ProxyFramework.Benchmarks.Scale;
using ProxyFramework.Testing;

namespace ProxyFramework.Host.Tests;

/// <summary>
/// <c>svcproxy run --kubeconfig</c> in nftables mode, in a network namespace with an API server, kubectl, clients and servers: from what
/// kubectl changes to what the kernel does.
/// </summary>
public sealed class KubernetesTests : IAsyncDisposable
{
    private const int ServerPort = 9377;
    private static readonly IPAddress NewServer = IPAddress.Parse("10.0.0.99");

    private readonly NetworkNamespace _network = NetworkNamespace.Create();
    private readonly TempFolder _folder = new();
    private readonly ClusterManifests _cluster = new(IPAddress.Parse("10.96.0.1"), 80, IPAddress.Parse("10.0.0.21"), ServerPort);
    private StandInServer? _server;

    [Fact]
    public async Task Ten_thousand_services_answer_and_a_patched_endpoint_is_in_force_within_10_ms_of_its_event()
    {
        const int services = 10_000;
        var server = await ServerAsync(services);
        using var servers = new Greeters(_network, [.. _cluster.Servers, new IPEndPoint(NewServer, ServerPort)]);
        using var kubectl = new Kubectl(server, "nsenter", $"--net={_network.Path}", "--");
        await using var run = Start(server);
        await InForceAsync(run, services);

        // A service has 1 to 5 endpoints, the n-th of which is the n-th server.
        for (var index = 0; index < services; index += 17)
        {
            Assert.Contains(await _network.HearAsync(_cluster.Frontend(index)), _cluster.Servers.Take(1 + (index % 5)).Select(one => one.ToString()));
        }

        var metrics = await run.PortOfAsync("metrics");
        using var http = _network.NewHttpClient();
        for (var i = 0; i < 20; i++)
        {
            var index = 10 * (i + 1);
            var (space, name) = NameOf(_cluster.Slice(index));
            await kubectl.RunAsync(
                "patch", "endpointslice", name, "-n", space, "--type=json", "-p", $$"""[{"op":"replace","path":"/endpoints/0/addresses/0","value":"{{NewServer}}"}]""");
            await run.UntilAsync(
                () => _network.HearAsync(_cluster.Frontend(index)).GetAwaiter().GetResult() == $"{NewServer}:{ServerPort}", $"that service {index} is at its new server");
        }

        // How long each takes here depends on what else this machine does; that nothing on the way waits shows in the quickest.
        var page = await http.GetStringAsync(new Uri($"http://127.0.0.1:{metrics}/metrics"));
        Assert.Equal(20, Value(page, "svcproxy_change_latency_seconds_count"));
        Assert.True(Value(page, """svcproxy_change_latency_seconds_bucket{le="0.01"}""") > 0, page);
        Assert.Equal(services, Value(page, """svcproxy_kubernetes_objects{resource="endpointslices"}"""));
        Assert.Equal(1, Value(page, """svcproxy_kubernetes_watching{resource="endpointslices"}"""));
        TestContext.Current.TestOutputHelper?.WriteLine(string.Join('\n', page.Split('\n').Where(line => line.StartsWith("svcproxy_change_latency", StringComparison.Ordinal))));
    }

    [Theory]
    [InlineData(10_000, 150)]
    [InlineData(50_000, 400)]
    public async Task The_whole_process_stays_small_while_it_lists_and_after(int services, int megabytes)
    {
        var server = await ServerAsync(services);
        await using var run = Start(server);
        await InForceAsync(run, services);

        var (peak, now) = (run.Megabytes("VmHWM"), run.Megabytes("VmRSS"));
        TestContext.Current.TestOutputHelper?.WriteLine($"{services} services: {now:0} MB resident, {peak:0} MB at most");
        Assert.InRange(peak, 0, megabytes);
    }

    [Fact]
    public async Task No_request_fails_while_watches_are_cut_every_second_and_the_api_server_goes_and_comes_back()
    {
        const int services = 1000;
        var server = await ServerAsync(services);
        using var servers = new Greeters(_network, [.. _cluster.Servers, new IPEndPoint(NewServer, ServerPort)]);
        await using var run = Start(server);
        await InForceAsync(run, services);

        using var stop = new CancellationTokenSource();
        var load = Enumerable.Range(0, 4).Select(client => Task.Run(() => RequestsAsync(client, services, stop.Token))).ToArray();
        var seconds = int.Parse(Environment.GetEnvironmentVariable("SVCPROXY_CUTS") ?? "15", CultureInfo.InvariantCulture);
        for (var i = 0; i < seconds; i++)
        {
            if (i % 2 == 0)
            {
                server.CutWatches();
            }
            else
            {
                server.CutConnections();
            }

            if (i % 5 == 4)
            {
                // So that there is no place to go on from either.
                server.Compact();
            }

            Change(server, i);
            await Task.Delay(TimeSpan.FromSeconds(1));
        }

        await server.StopAsync();
        Change(server, seconds);
        await Task.Delay(TimeSpan.FromSeconds(3));
        await server.StartAgainAsync();
        await run.UntilAsync(
            () => _network.HearAsync(_cluster.Frontend(ServiceOf(seconds))).GetAwaiter().GetResult() == $"{NewServer}:{ServerPort}", "what changed while the server was away");
        await stop.CancelAsync();

        var requests = await Task.WhenAll(load);
        Assert.All(requests, one => Assert.Equal(0, one.Failed));
        Assert.All(requests, one => Assert.True(one.Answered > 100, $"only {one.Answered} requests"));
        TestContext.Current.TestOutputHelper?.WriteLine($"{requests.Sum(one => one.Answered)} requests, none failed, {seconds} cuts");
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }

        _network.Dispose();
        _folder.Dispose();
    }

    // A node: an interface with a way out, so that service addresses are routed somewhere, and the servers' addresses.
    private async Task<StandInServer> ServerAsync(int services)
    {
        _network.Exec("ip", "link", "add", "uplink", "type", "veth", "peer", "name", "switch");
        _network.Exec("ip", "link", "set", "uplink", "up");
        _network.Exec("ip", "link", "set", "switch", "up");
        _network.Exec("ip", "address", "add", "192.0.2.1/24", "dev", "uplink");
        _network.Exec("ip", "route", "add", "default", "via", "192.0.2.254");
        foreach (var address in _cluster.Servers.Select(one => one.Address).Append(NewServer))
        {
            _network.Exec("ip", "address", "add", $"{address}/32", "dev", "lo");
        }

        _server = await StandInServer.StartAsync(IPAddress.Loopback, endPoint => _network.Run(() =>
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
            socket.Bind(endPoint);
            return socket;
        }));
        _server.Faults.RequiresAuthentication = true;
        _server.Store.Load(ResourceType.Services, Enumerable.Range(0, services).Select(_cluster.Service));
        _server.Store.Load(ResourceType.EndpointSlices, Enumerable.Range(0, services).Select(_cluster.Slice));
        _server.Store.Load(ResourceType.Nodes, [new JsonObject { ["metadata"] = new JsonObject { ["name"] = "node-1" } }]);
        return _server;
    }

    private SvcproxyProcess Start(StandInServer server) => SvcproxyProcess.StartIn(
        _network,
        isPrivileged: true,
        Path.Combine(SvcproxyProcess.Layout, "svcproxy"),
        "run",
        "--mode=nftables",
        "--kubeconfig",
        _folder.Write("kubeconfig", Kubeconfig.WithCertificate(server)),
        "--hostname-override=node-1",
        "--healthz-bind-address=127.0.0.1:0",
        "--metrics-bind-address=127.0.0.1:0");

    private static Task InForceAsync(SvcproxyProcess run, int services) =>
        run.UntilAsync(() => run.ErrorText.Contains($"all {services} service ports in force", StringComparison.Ordinal), "that all are in force", 240);

    private async Task<(int Answered, int Failed)> RequestsAsync(int client, int services, CancellationToken stop)
    {
        var (answered, failed) = (0, 0);
        for (var i = client; !stop.IsCancellationRequested; i += 7)
        {
            if (await _network.HearAsync(_cluster.Frontend(i % services)) is null)
            {
                failed++;
            }
            else
            {
                answered++;
            }
        }

        return (answered, failed);
    }

    // Each time another service, all of whose endpoints but one go.
    private void Change(StandInServer server, int round)
    {
        var slice = _cluster.Slice(ServiceOf(round));
        var first = slice["endpoints"]!.AsArray()[0]!.DeepClone();
        first["addresses"] = new JsonArray(NewServer.ToString());
        slice["endpoints"] = new JsonArray(first);
        server.Store.Put(ResourceType.EndpointSlices, slice);
    }

    private static int ServiceOf(int round) => (round * 13) + 4;

    private static (string Space, string Name) NameOf(JsonObject value) => ((string)value["metadata"]!["namespace"]!, (string)value["metadata"]!["name"]!);

    private static double Value(string page, string metric)
    {
        var match = Regex.Match(page, "^" + Regex.Escape(metric) + @" (\S+)$", RegexOptions.Multiline);
        Assert.True(match.Success, $"no {metric} in:\n{page}");
        return double.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture);
    }
}
