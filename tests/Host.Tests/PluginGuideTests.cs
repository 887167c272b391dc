using System.Runtime.Versioning;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace ProxyFramework.Host.Tests;

/// <summary>What docs/write-a-plugin.md shows is built, loaded and does what it says.</summary>
[SupportedOSPlatform("linux")]
public partial class PluginGuideTests
{
    private const string Sample = "Acme.Example";

    private static readonly string Root = Path.GetFullPath(Path.Combine(SvcproxyProcess.Layout, "..", ".."));
    private static readonly string Guide = File.ReadAllText(Path.Combine(Root, "docs", "write-a-plugin.md"));

    [Fact]
    public void Every_piece_of_code_in_the_guide_is_a_whole_file_of_the_sample_and_no_file_is_left_out()
    {
        var shown = new List<string>();
        foreach (Match block in CodeBlock().Matches(Guide))
        {
            if (block.Groups["language"].Length == 0)
            {
                continue;
            }

            var file = block.Groups["file"].Value;
            Assert.True(file.StartsWith("samples/plugin/", StringComparison.Ordinal), $"code without a file:\n{block.Value}");
            Assert.Equal(File.ReadAllText(Path.Combine(Root, file)), block.Groups["code"].Value);
            shown.Add(Path.GetFileName(file));
        }

        var files = Directory.EnumerateFiles(Path.Combine(Root, "samples", "plugin")).Select(Path.GetFileName).Where(name => name != "README.md");
        Assert.Equal(files.Order(StringComparer.Ordinal), shown.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task The_sample_is_listed_with_its_backend_and_its_scheduler()
    {
        using var folder = new TempFolder();
        TestPlugin.CopyTo(folder.Path, Sample, Sample);

        await using var run = await SvcproxyProcess.RunAsync("plugins", "--plugins-dir", folder.Path + "/plugins", "--output=json");

        using var report = JsonDocument.Parse(run.OutputText);
        var plugin = Assert.Single(report.RootElement.GetProperty("plugins").EnumerateArray(), one => one.GetProperty("name").GetString() == Sample);
        Assert.Empty(plugin.GetProperty("problems").EnumerateArray());
        Assert.Equal("acme-table", Assert.Single(plugin.GetProperty("backends").EnumerateArray()).GetProperty("name").GetString());
        Assert.Equal("acme-two-choices", Assert.Single(plugin.GetProperty("schedulers").EnumerateArray()).GetString());
    }

    [Fact]
    public async Task The_samples_backend_keeps_its_table_while_manifests_change_and_cleanup_takes_it_away()
    {
        using var folder = new TempFolder();
        TestPlugin.CopyTo(folder.Path, Sample, Sample);
        var table = Path.Combine(folder.Path, "services.txt");
        var manifest = folder.Write("web.yaml", File.ReadAllText(Path.Combine(Root, "samples", "quickstart", "web.yaml")));
        string[] mode = ["--plugins-dir", folder.Path + "/plugins", "--mode=acme-table", "--set", $"acme-table:path={table}"];
        await using var run = SvcproxyProcess.Start([.. mode, "--manifests", manifest, "--healthz-bind-address=", "--metrics-bind-address="]);

        await run.UntilAsync(() => Read(table).Contains("ClusterIP 127.96.0.10:8080 -> 127.0.0.11:9376 127.0.0.12:9376 127.0.0.13:9376", StringComparison.Ordinal), "the table");
        File.WriteAllText(manifest, File.ReadAllText(manifest).Replace("- addresses: [127.0.0.12]", "", StringComparison.Ordinal));
        await run.UntilAsync(() => Read(table).Contains("-> 127.0.0.11:9376 127.0.0.13:9376", StringComparison.Ordinal), "the table without the endpoint");
        run.Terminate();
        await run.EndedAsync(10);
        Assert.Equal(0, run.ExitCode);
        Assert.True(File.Exists(table), "what is in force stays");

        await using var cleanup = await SvcproxyProcess.RunAsync(["cleanup", .. mode]);
        Assert.Equal(0, cleanup.ExitCode);
        Assert.False(File.Exists(table));
    }

    [Fact]
    public async Task The_samples_backend_refuses_settings_that_it_does_not_know()
    {
        using var folder = new TempFolder();
        TestPlugin.CopyTo(folder.Path, Sample, Sample);
        folder.Write("none.yaml", "apiVersion: v1\nkind: List\nitems: []\n");

        await using var run = await SvcproxyProcess.RunAsync(
            "--plugins-dir", folder.Path + "/plugins", "--mode=acme-table", "--set", "acme-table:pth=/x", "--manifests", folder.Path + "/none.yaml",
            "--healthz-bind-address=", "--metrics-bind-address=");

        Assert.Equal(3, run.ExitCode);
        Assert.Contains("acme-table:pth: there is only the setting path", run.ErrorText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_samples_scheduler_balances_userspace_mode()
    {
        using var folder = new TempFolder();
        TestPlugin.CopyTo(folder.Path, Sample, Sample);
        folder.Write("none.yaml", "apiVersion: v1\nkind: List\nitems: []\n");
        await using var run = SvcproxyProcess.Start(
            "--plugins-dir", folder.Path + "/plugins", "--mode=userspace", "--scheduler=acme-two-choices", "--manifests", folder.Path + "/none.yaml",
            "--healthz-bind-address=", "--metrics-bind-address=");

        await run.UntilAsync(() => run.ErrorText.Contains("in force", StringComparison.Ordinal), "that it runs");
        run.Terminate();
        await run.EndedAsync(10);
        Assert.Equal(0, run.ExitCode);
    }

    private static string Read(string path) => File.Exists(path) ? File.ReadAllText(path) : "";

    [GeneratedRegex(@"(<!-- (?<file>[^\n]+) -->\n)?```(?<language>[a-z]*)\n(?<code>.*?)```", RegexOptions.Singleline)]
    private static partial Regex CodeBlock();
}
