namespace ProxyFramework.Host.Tests;

// One at a time: the demo's addresses are known ones.
public class DemoTests
{
    [Fact]
    public async Task The_demo_spreads_requests_shows_each_and_an_endpoint_taken_out_leaves_without_a_failed_request()
    {
        using var folder = new TempFolder();
        var program = Path.Combine(folder.Path, "program");
        CopyFolder(SvcproxyProcess.Layout, program);
        var manifest = Path.Combine(program, "samples", "quickstart", "web.yaml");

        await using var demo = SvcproxyProcess.StartFrom(program, "demo");
        await demo.UntilAsync(() => demo.OutputText.Contains("end it", StringComparison.Ordinal), "the introduction");
        Assert.Contains("curl http://127.96.0.10:8080/", demo.OutputText, StringComparison.Ordinal);
        Assert.Contains(manifest, demo.OutputText, StringComparison.Ordinal);

        Assert.Equal(3, (await AskAsync(9)).Distinct().Count());
        await demo.UntilAsync(() => demo.Output.Count(line => line.Contains(" → web-", StringComparison.Ordinal)) >= 9, "a line for each request");

        using var stop = new CancellationTokenSource();
        var asking = AskUntilAsync(stop.Token);
        await File.WriteAllTextAsync(manifest, (await File.ReadAllTextAsync(manifest)).Replace("- addresses: [127.0.0.12]", "", StringComparison.Ordinal));
        await demo.UntilAsync(() => demo.OutputText.Contains("endpoint web-2 127.0.0.12:9376 is gone", StringComparison.Ordinal), "that the endpoint is gone");
        await stop.CancelAsync();
        await asking;
        Assert.DoesNotContain("web-2", await AskAsync(9));

        await File.WriteAllTextAsync(manifest, (await File.ReadAllTextAsync(manifest)).Replace("# - addresses: [127.0.0.14]", "- addresses: [127.0.0.14]", StringComparison.Ordinal));
        await demo.UntilAsync(() => demo.OutputText.Contains("endpoint web-4 127.0.0.14:9376 is new", StringComparison.Ordinal), "that the endpoint is new");
        Assert.Contains("web-4", await AskAsync(9));

        // A server that goes away without a word: others take over, and no request fails.
        using (var client = new HttpClient())
        {
            await client.GetStringAsync("http://127.0.0.11:9376/stop");
        }

        await demo.UntilAsync(() => demo.OutputText.Contains("web-1 at 127.0.0.11:9376 is away", StringComparison.Ordinal), "that the server is away");
        Assert.DoesNotContain("web-1", await AskAsync(9));

        demo.Terminate();
        await demo.EndedAsync(10);
        Assert.Equal(0, demo.ExitCode);
    }

    private static async Task<List<string>> AskAsync(int times)
    {
        var names = new List<string>();
        for (var i = 0; i < times; i++)
        {
            // A client of its own each time: a connection is what is balanced.
            using var client = new HttpClient();
            names.Add((await client.GetStringAsync("http://127.96.0.10:8080/")).Split(' ')[0]);
        }

        return names;
    }

    private static async Task AskUntilAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            await AskAsync(1);
        }
    }

    private static void CopyFolder(string from, string to)
    {
        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            var copy = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }
    }
}
