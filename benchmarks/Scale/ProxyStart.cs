using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace ProxyFramework.Benchmarks.Scale;

/// <summary>
/// How long the program takes, from the start of its process, until services of manifests answer; what memory it then has, and what it
/// costs while nothing happens.
/// </summary>
internal sealed class ProxyStart : IBenchmark
{
    private const int Sampled = 200;
    private static readonly TimeSpan Target = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan GiveUp = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan IdleFor = TimeSpan.FromSeconds(30);

    public string Name => "start";

    public string Summary => "svcproxy from start to answers: PROGRAM SERVICES [first service address] [port] [LAYOUT-FORMAT…]";

    public async Task<int> RunAsync(string[] arguments)
    {
        if (arguments.Length < 2)
        {
            Console.Error.WriteLine(Summary);
            return 2;
        }

        var services = int.Parse(arguments[1], CultureInfo.InvariantCulture);
        var cluster = new ClusterManifests(
            IPAddress.Parse(arguments.Length > 2 ? arguments[2] : "127.96.0.1"),
            int.Parse(arguments.Length > 3 ? arguments[3] : "8080", CultureInfo.InvariantCulture),
            IPAddress.Parse("127.0.0.21"),
            9377);
        using var stop = new CancellationTokenSource();
        var servers = cluster.Servers.Select(address => ServeAsync(address, stop.Token)).ToList();
        Console.WriteLine($"{services:N0} services with 1 to {ClusterManifests.MaxEndpoints} endpoints at {cluster.Frontend(0)} and on; {Sampled} of them are asked");
        Console.WriteLine("| manifests | size | all asked answer after | resident memory | CPU to start | CPU when idle |");
        Console.WriteLine("|---|---:|---:|---:|---:|---:|");
        var met = true;
        foreach (var manifests in arguments.Length > 4 ? arguments[4..] : ["list-yaml", "documents-yaml", "files-yaml", "list-json", "files-json"])
        {
            var folder = Directory.CreateTempSubdirectory("svcproxy-benchmark-").FullName;
            try
            {
                var parts = manifests.Split('-');
                cluster.Write(folder, services, parts[0], parts[1]);
                met &= await MeasureAsync(arguments[0], folder, manifests, cluster, services);
            }
            finally
            {
                Directory.Delete(folder, recursive: true);
            }
        }

        await stop.CancelAsync();
        await Task.WhenAll(servers);
        return met ? 0 : 1;
    }

    private static async Task<bool> MeasureAsync(string program, string folder, string manifests, ClusterManifests cluster, int services)
    {
        var megabytes = new DirectoryInfo(folder).EnumerateFiles().Sum(file => file.Length) / 1e6;
        var start = new ProcessStartInfo(program) { RedirectStandardError = true };
        foreach (var argument in new[] { "run", "--mode=userspace", "--manifests", folder, "--healthz-bind-address=", "--metrics-bind-address=" })
        {
            start.ArgumentList.Add(argument);
        }

        var log = new StringBuilder();
        var clock = Stopwatch.StartNew();
        using var process = Process.Start(start)!;
        process.ErrorDataReceived += (_, line) => log.AppendLine(line.Data);
        process.BeginErrorReadLine();
        try
        {
            // From the last to the first: those that come last are waited for first.
            for (var i = Sampled - 1; i >= 0; i--)
            {
                await UntilAnswersAsync(cluster.Frontend((int)((long)i * (services - 1) / (Sampled - 1))), clock, process, log);
            }

            var elapsed = clock.Elapsed;
            process.Refresh();
            var starting = process.TotalProcessorTime;
            await Task.Delay(TimeSpan.FromSeconds(2));
            process.Refresh();
            var (before, memory) = (process.TotalProcessorTime, process.WorkingSet64);
            await Task.Delay(IdleFor);
            process.Refresh();
            var idle = (process.TotalProcessorTime - before) / IdleFor;
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"| {manifests} | {megabytes:N1} MB | {elapsed.TotalSeconds:N2} s | {memory / 1e6:N0} MB | {starting.TotalSeconds:N2} s | {idle:P2} |"));
            return elapsed < Target;
        }
        finally
        {
            process.Kill();
            await process.WaitForExitAsync();
        }
    }

    private static async Task UntilAnswersAsync(IPEndPoint address, Stopwatch clock, Process process, StringBuilder log)
    {
        while (true)
        {
            try
            {
                using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
                await socket.ConnectAsync(address);
                var buffer = new byte[16];
                if (await socket.ReceiveAsync(buffer) > 0)
                {
                    return;
                }
            }
            catch (SocketException)
            {
            }

            if (process.HasExited || clock.Elapsed > GiveUp)
            {
                throw new InvalidOperationException($"{address} does not answer; svcproxy said:\n{log}");
            }

            await Task.Delay(5);
        }
    }

    // Says a word to whoever connects.
    private static async Task ServeAsync(IPEndPoint address, CancellationToken stop)
    {
        using var listener = new TcpListener(address);
        listener.Start();
        try
        {
            while (true)
            {
                using var client = await listener.AcceptSocketAsync(stop);
                await client.SendAsync("hello\n"u8.ToArray(), stop);
                client.Shutdown(SocketShutdown.Send);
            }
        }
        catch (OperationCanceledException)
        {
        }
    }
}
