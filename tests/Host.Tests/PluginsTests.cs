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

    [Fact]
    public async Task A_plugins_folder_that_is_not_there_is_an_error()
    {
        await using var run = await SvcproxyProcess.RunAsync("plugins", "--plugins-dir", "/nowhere/at/all");
        Assert.Equal(4, run.ExitCode);
        Assert.Contains(run.Errors, line => line.StartsWith("svcproxy: the plugins folder /nowhere/at/all cannot be read", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_the_message_about_writable_files_advises_is_what_helps()
    {
        // As a build or a copy under a umask of 0002 leaves them.
        using var folder = new TempFolder();
        var plugin = TestPlugin.CopyTo(folder.Path, TestPlugin.Hanging);
        foreach (var path in Directory.EnumerateFiles(plugin).Append(plugin))
        {
            File.SetUnixFileMode(path, File.GetUnixFileMode(path) | UnixFileMode.GroupWrite);
        }

        await using var refused = await SvcproxyProcess.RunAsync("plugins", "--plugins-dir", folder.Path + "/plugins");
        var advice = System.Text.RegularExpressions.Regex.Match(refused.OutputText, "run '(chmod [^']+)'").Groups[1].Value;
        Assert.Equal($"chmod -R go-w {plugin}", advice);
        using (var shell = System.Diagnostics.Process.Start("/bin/sh", ["-c", advice]))
        {
            await shell.WaitForExitAsync();
        }

        await using var loaded = await SvcproxyProcess.RunAsync("plugins", "--plugins-dir", folder.Path + "/plugins");
        Assert.DoesNotContain("chmod", loaded.OutputText, StringComparison.Ordinal);
        Assert.Contains("hangs-in-start", loaded.OutputText, StringComparison.Ordinal);
    }

    [Fact]
    public void The_plugins_that_the_build_lays_out_are_writable_by_their_owner_alone()
    {
        var plugins = Path.Combine(SvcproxyProcess.Layout, "plugins");
        Assert.All(
            Directory.EnumerateFileSystemEntries(plugins, "*", SearchOption.AllDirectories).Append(plugins),
            path => Assert.Equal((UnixFileMode)0, File.GetUnixFileMode(path) & (UnixFileMode.GroupWrite | UnixFileMode.OtherWrite)));
    }
}
