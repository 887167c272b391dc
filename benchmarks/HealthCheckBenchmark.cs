using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging.Abstractions;
using ProxyFramework.Core;
using ProxyFramework.Core.HealthChecks;
using ProxyFramework.Core.View;
using ProxyFramework.Plugins.HealthChecks;

namespace ProxyFramework.Benchmarks;

/// <summary>
/// What it costs to check 5,000 endpoints every 5 s: processor time of this process in percent of one core, and the most probes that began within
/// 100 ms. The servers are a process of their own, so that their time is not counted.
/// </summary>
internal sealed class HealthCheckBenchmark : IBenchmark
{
    private const int Endpoints = 5000;
    private const double MostPercent = 10;
    private static readonly TimeSpan Measured = TimeSpan.FromSeconds(20);

    public string Name => "health-checks";

    public string Summary => "5,000 endpoints checked every 5 s: processor time and bursts; serve is the servers' part";

    public async Task<int> RunAsync(string[] arguments)
    {
        if (arguments is ["serve"])
        {
            return await ServeAsync();
        }

        using var servers = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, ["health-checks", "serve"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;
        var port = ushort.Parse(servers.StandardOutput.ReadLine()!, CultureInfo.InvariantCulture);
        Console.WriteLine($"{Endpoints:N0} endpoints, each asked every 5 s, for {Measured.TotalSeconds} s");
        Console.WriteLine("| check | answered | a third hung | processor time, % of a core | most probes begun within 100 ms (mean 100) |");
        Console.WriteLine("|---|---:|---|---:|---:|");
        var met = await MeasureAsync("tcp", new TcpHealthCheck(), port, hangs: false);
        met &= await MeasureAsync("tcp; send=GET / HTTP/1.0\\r\\n\\r\\n; expect=200 OK", new TcpHealthCheck(), port, hangs: false);
        met &= await MeasureAsync("tcp; send=GET / HTTP/1.0\\r\\n\\r\\n; expect=200 OK", new TcpHealthCheck(), port, hangs: true);
        await MeasureAsync("http", new HttpHealthCheck(), port, hangs: false);
        servers.StandardInput.Close();
        await servers.WaitForExitAsync();
        Console.WriteLine(met ? $"tcp is within {MostPercent} % of a core." : $"tcp is NOT within {MostPercent} % of a core.");
        return met ? 0 : 1;
    }

    private static async Task<bool> MeasureAsync(string choice, IHealthCheck check, ushort port, bool hangs)
    {
        var counted = new CountingCheck(check);
        var catalog = new HealthCheckCatalog(new Dictionary<string, IHealthCheck> { [check.Name] = counted }, new ConfigurationBuilder().Build());
        var view = Channel.CreateUnbounded<ViewInput>();
        using var prober = new HealthProber(catalog, view.Writer, TimeProvider.System, NullLogger<HealthProber>.Instance);
        using var stop = new CancellationTokenSource();
        var run = prober.RunAsync(stop.Token);

        // 127.1.0.1 and on; those of 127.2 are servers that answer nothing.
        var changes = Enumerable.Range(0, Endpoints / 5).Select(service => new CheckedEndpointsChange(
            new ServicePortKey(new NamespacedName("default", $"service-{service}"), "", TransportProtocol.Tcp, IPFamily.IPv4),
            new CheckedEndpoints(choice, [.. Enumerable.Range(0, 5).Select(endpoint => (InetAddress.FromIPv4(
                (hangs && endpoint % 3 == 2 ? 0x7F02_0001u : 0x7F01_0001u) + (uint)((service * 5) + endpoint)), port))])));
        prober.Post(new NodeViewChanges { HealthChecks = [.. changes] });
        await Task.Delay(TimeSpan.FromSeconds(6));
        counted.Clear();
        var before = Environment.CpuUsage.TotalTime;
        var clock = Stopwatch.StartNew();
        await Task.Delay(Measured);
        var percent = (Environment.CpuUsage.TotalTime - before) / clock.Elapsed * 100;
        var (answered, most) = (counted.Healthy, counted.MostWithin100Milliseconds());
        await stop.CancelAsync();
        await run.ContinueWith(_ => { }, TaskScheduler.Default);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| `{choice}` | {answered:N0} | {(hangs ? "yes" : "no")} | {percent:N1} | {most} |"));
        return percent <= MostPercent && answered > 0;
    }

    /// <summary>One listener on all addresses. It answers each connection that says something, but at addresses in 127.2.0.0/16.</summary>
    private static async Task<int> ServeAsync()
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Any, 0));
        listener.Listen(4096);
        Console.WriteLine(((IPEndPoint)listener.LocalEndPoint!).Port);
        _ = Task.Run(async () =>
        {
            while (true)
            {
                _ = AnswerAsync(await listener.AcceptAsync());
            }
        });
        await Console.In.ReadToEndAsync();
        return 0;
    }

    private static async Task AnswerAsync(Socket client)
    {
        using (client)
        {
            try
            {
                var buffer = new byte[1024];
                while (await client.ReceiveAsync(buffer) > 0)
                {
                    if (((IPEndPoint)client.LocalEndPoint!).Address.GetAddressBytes()[1] != 2)
                    {
                        await client.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"u8.ToArray());
                    }
                }
            }
            catch (SocketException)
            {
                // The check has seen enough.
            }
        }
    }

    /// <summary>The check, and when its probes began.</summary>
    private sealed class CountingCheck(IHealthCheck check) : IHealthCheck
    {
        private const int Capacity = 100_000;

        private readonly long[] _began = new long[Capacity];
        private int _count;
        private int _healthy;

        public string Name => check.Name;

        public TransportProtocol? Protocol => check.Protocol;

        public int Healthy => Volatile.Read(ref _healthy);

        public void Clear() => (_count, _healthy) = (0, 0);

        public int MostWithin100Milliseconds()
        {
            var began = _began.AsSpan(0, Math.Min(_count, Capacity)).ToArray();
            Array.Sort(began);
            var most = 0;
            for (int first = 0, last = 0; last < began.Length; last++)
            {
                while (Stopwatch.GetElapsedTime(began[first], began[last]) > TimeSpan.FromMilliseconds(100))
                {
                    first++;
                }

                most = Math.Max(most, last - first + 1);
            }

            return most;
        }

        public IHealthProbe CreateProbe(HealthCheckContext context) => new Probe(this, check.CreateProbe(context));

        private sealed class Probe(CountingCheck owner, IHealthProbe probe) : IHealthProbe
        {
            public async ValueTask<ProbeResult> ProbeAsync(InetAddress address, ushort port, CancellationToken cancellationToken)
            {
                var index = Interlocked.Increment(ref owner._count) - 1;
                if (index < Capacity)
                {
                    owner._began[index] = Stopwatch.GetTimestamp();
                }

                var result = await probe.ProbeAsync(address, port, cancellationToken);
                if (result.IsHealthy)
                {
                    Interlocked.Increment(ref owner._healthy);
                }

                return result;
            }
        }
    }
}
