using System.Diagnostics;
using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using ProxyFramework.Core.Sources;
using Xunit;

namespace ProxyFramework.Core.Tests.Sources;

[Collection(nameof(RunsAlone))]
public class ManifestLoadTests(ITestOutputHelper output)
{
    private const int Services = 10_000;

    /// <summary>
    /// Processor time, which other programs do not add to, and far above what it takes (2 to 4 s), so that only a change of its order
    /// fails.
    /// </summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(12);

    [Fact]
    public Task Ten_thousand_services_in_one_yaml_file_load_in_seconds() => LoadAsync(folder =>
        File.WriteAllText(Path.Combine(folder, "all.yaml"), string.Concat(Enumerable.Range(0, Services).Select(YamlOf))));

    [Fact]
    public Task Ten_thousand_services_in_as_many_yaml_files_load_in_seconds() => LoadAsync(folder =>
    {
        for (var i = 0; i < Services; i++)
        {
            File.WriteAllText(Path.Combine(folder, $"{i}.yaml"), YamlOf(i));
        }
    });

    [Fact]
    public Task Ten_thousand_services_in_one_yaml_list_load_in_seconds() => LoadAsync(folder =>
    {
        var items = string.Concat(Enumerable.Range(0, Services).Select(YamlOf)).Split("---\n", StringSplitOptions.RemoveEmptyEntries)
            .Select(item => "- " + item.TrimEnd().Replace("\n", "\n  ", StringComparison.Ordinal) + "\n");
        File.WriteAllText(Path.Combine(folder, "all.yaml"), "apiVersion: v1\nkind: List\nitems:\n" + string.Concat(items));
    });

    [Fact]
    public Task Ten_thousand_services_in_one_json_file_load_in_seconds() => LoadAsync(folder =>
    {
        var text = new StringBuilder("""{"apiVersion":"v1","kind":"List","items":[""");
        for (var i = 0; i < Services; i++)
        {
            text.Append(i == 0 ? "" : ",").Append(CultureInfo.InvariantCulture, $$$"""
                {"apiVersion":"v1","kind":"Service","metadata":{"name":"web-{{{i}}}"},
                "spec":{"clusterIP":"10.96.{{{i / 250}}}.{{{i % 250}}}","ports":[{"name":"http","port":80,"targetPort":8080}]}},
                {"apiVersion":"discovery.k8s.io/v1","kind":"EndpointSlice",
                "metadata":{"name":"web-{{{i}}}-a","labels":{"kubernetes.io/service-name":"web-{{{i}}}"}},"addressType":"IPv4",
                "ports":[{"name":"http","port":8080}],"endpoints":[{"addresses":["10.1.1.1"],"nodeName":"node-1"}]}
                """);
        }

        File.WriteAllText(Path.Combine(folder, "all.json"), text.Append("]}").ToString());
    });

    private static string YamlOf(int i) => string.Create(CultureInfo.InvariantCulture, $"""
        ---
        apiVersion: v1
        kind: Service
        metadata:
          name: web-{i}
          namespace: default
        spec:
          clusterIP: 10.96.{i / 250}.{i % 250}
          ports:
          - name: http
            port: 80
            protocol: TCP
            targetPort: 8080
          selector:
            app: web
          type: ClusterIP
        ---
        apiVersion: discovery.k8s.io/v1
        kind: EndpointSlice
        metadata:
          name: web-{i}-abcde
          labels:
            kubernetes.io/service-name: web-{i}
        addressType: IPv4
        ports:
        - name: http
          port: 8080
          protocol: TCP
        endpoints:
        - addresses: [10.{i / 62500}.{i / 250 % 250}.{i % 250}]
          conditions:
            ready: true
          nodeName: node-{i % 100}
        - addresses:
          - 10.20.1.2
          nodeName: node-1

        """);

    private async Task LoadAsync(Action<string> write)
    {
        var folder = Directory.CreateTempSubdirectory("manifests-");
        try
        {
            write(folder.FullName);
            var sink = new CollectingSink();
            using var stop = new CancellationTokenSource();
            var source = new ManifestSource([folder.FullName], TimeProvider.System, NullLogger<ManifestSource>.Instance);
            var watch = Stopwatch.StartNew();
            using var process = Process.GetCurrentProcess();
            var before = process.TotalProcessorTime;
            var running = Task.Run(() => source.RunAsync(sink, stop.Token));
            await Eventually.TrueAsync(() => sink.IsComplete || running.IsCompleted);
            process.Refresh();
            var used = process.TotalProcessorTime - before;
            output.WriteLine($"{watch.Elapsed.TotalSeconds:F2} s, {used.TotalSeconds:F2} s of processor time");
            await stop.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
            Assert.Empty(sink.Problems);
            Assert.Equal(2 * Services, sink.Objects().Count);
            Assert.InRange(used, TimeSpan.Zero, Limit);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
