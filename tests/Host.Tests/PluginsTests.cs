using System.Text.Json;

namespace ProxyFramework.Host.Tests;

public class PluginsTests
{
    [Fact]
    public async Task The_list_names_backends_and_schedulers_with_versions_and_what_the_node_supports()
    {
        await using var run = await SvcproxyProcess.RunAsync("plugins");

        Assert.Equal(0, run.ExitCode);
        var lines = run.Output.Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)).ToList();
        Assert.Equal(["NAME", "KIND", "VERSION", "CONTRACT", "THIS", "NODE", "ASSEMBLY"], lines[0]);
        Assert.Contains(lines, cells => cells is ["userspace", "backend", "0.1.0", "0.1", "supported", ..]);
        Assert.Contains(lines, cells => cells is ["rr", "scheduler", "0.1.0", "0.1", ..]);
    }

    [Fact]
    public async Task As_json_it_says_the_same()
    {
        await using var run = await SvcproxyProcess.RunAsync("plugins", "--output", "json");

        using var report = JsonDocument.Parse(run.OutputText);
        var backends = report.RootElement.GetProperty("plugins").EnumerateArray().SelectMany(plugin => plugin.GetProperty("backends").EnumerateArray());
        var userspace = Assert.Single(backends, backend => backend.GetProperty("name").GetString() == "userspace");
        Assert.True(userspace.GetProperty("supported").GetBoolean());
    }

    [Fact]
    public async Task A_broken_plugin_is_listed_with_the_reason_and_the_others_stay()
    {
        using var folder = new TempFolder();
        folder.Write("Broken/Broken.dll", "this is no assembly");
        folder.Write("Empty/readme.txt", "no assembly at all");

        await using var run = await SvcproxyProcess.RunAsync("plugins", "--plugins-dir", folder.Path, "--output=json");

        Assert.Equal(0, run.ExitCode);
        using var report = JsonDocument.Parse(run.OutputText);
        var broken = Assert.Single(report.RootElement.GetProperty("plugins").EnumerateArray(), plugin => plugin.GetProperty("name").GetString() == "Broken");
        Assert.False(broken.GetProperty("loaded").GetBoolean());
        Assert.NotEmpty(broken.GetProperty("problems").EnumerateArray());
        Assert.Contains("userspace", run.OutputText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_plugin_that_others_can_write_is_refused_unless_told_otherwise()
    {
        using var folder = new TempFolder();
        var own = Path.Combine(SvcproxyProcess.Layout, "plugins", "ProxyFramework.Plugins.Schedulers");
        var copy = Path.Combine(folder.Path, "ProxyFramework.Plugins.Schedulers");
        Directory.CreateDirectory(copy);
        foreach (var file in Directory.EnumerateFiles(own))
        {
            File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        }

        File.SetUnixFileMode(copy, (UnixFileMode)0b111_111_111);

        await using var refused = await SvcproxyProcess.RunAsync("plugins", "--plugins-dir", folder.Path);
        await using var allowed = await SvcproxyProcess.RunAsync("plugins", "--plugins-dir", folder.Path, "--allow-insecure-plugins");

        Assert.Contains(refused.Output, line => line.Contains(copy, StringComparison.Ordinal) && line.Contains("refused", StringComparison.Ordinal));
        Assert.DoesNotContain(allowed.Output, line => line.Contains(copy, StringComparison.Ordinal) && line.Contains("refused", StringComparison.Ordinal));
    }
}
