using System.Runtime.Versioning;
using Microsoft.Extensions.Time.Testing;
using ProxyFramework.Core.Plugins;
using Xunit;

namespace ProxyFramework.Core.Tests.Plugins;

[SupportedOSPlatform("linux")]
public sealed class BackendSelectionTests : IDisposable
{
    private static readonly TimeSpan ConstructionLimit = TimeSpan.FromMilliseconds(300);

    private readonly PluginFolders _folders = new();

    public void Dispose() => _folders.Dispose();

    [Fact]
    public async Task Auto_takes_the_supported_backend_with_the_highest_preference_whatever_the_others_do()
    {
        _folders.Add(PluginFolders.Good);
        _folders.Add(PluginFolders.Faulty);
        using var catalog = _folders.Load(constructionLimit: ConstructionLimit);
        var time = new FakeTimeProvider();
        var selection = new BackendSelection(catalog, time).SelectAsync("auto", CancellationToken.None);
        while (!selection.IsCompleted)
        {
            time.Advance(TimeSpan.FromSeconds(1));
            await Task.Delay(10);
        }

        Assert.Equal("better", (await selection).Backend.Name);
    }

    [Fact]
    public async Task A_backend_is_selected_by_its_name()
    {
        _folders.Add(PluginFolders.Good);
        using var catalog = _folders.Load();
        Assert.Equal("good", (await Select(catalog, "good")).Backend.Name);
    }

    [Fact]
    public async Task An_unknown_mode_names_what_there_is_and_what_was_probably_meant()
    {
        _folders.Add(PluginFolders.Good);
        using var catalog = _folders.Load();
        var error = await Assert.ThrowsAsync<ProxyStartException>(() => Select(catalog, "god"));
        Assert.Equal(ProxyExitCode.Mode, error.ExitCode);
        Assert.Contains("did you mean 'good'?", error.Message, StringComparison.Ordinal);
        Assert.Contains("available: good, auto", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_mode_that_the_node_cannot_run_says_what_is_missing()
    {
        _folders.Add(PluginFolders.Faulty);
        using var catalog = _folders.Load(constructionLimit: ConstructionLimit);
        var error = await Assert.ThrowsAsync<ProxyStartException>(() => Select(catalog, "not-supported-here"));
        Assert.Equal(ProxyExitCode.Mode, error.ExitCode);
        Assert.Contains("modprobe ip_vs", error.Message, StringComparison.Ordinal);
        error = await Assert.ThrowsAsync<ProxyStartException>(() => Select(catalog, "throws-in-probe"));
        Assert.Contains("no probing today", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_mode_whose_plugin_was_refused_is_a_plugin_problem()
    {
        _folders.Add(PluginFolders.Faulty);
        File.WriteAllText(Path.Combine(_folders.Folder("Acme.Turbo"), "Acme.Turbo.dll"), "nothing");
        using var catalog = _folders.Load(allowInsecure: true, constructionLimit: ConstructionLimit);
        var error = await Assert.ThrowsAsync<ProxyStartException>(() => Select(catalog, "turbo"));
        Assert.Equal(ProxyExitCode.Plugin, error.ExitCode);
        Assert.Contains("plugin Acme.Turbo was refused", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_mode_that_two_plugins_claim_is_a_plugin_problem_that_names_both()
    {
        _folders.Add(PluginFolders.Good);
        _folders.Add(PluginFolders.Good, "Twin");
        using var catalog = _folders.Load();
        var error = await Assert.ThrowsAsync<ProxyStartException>(() => Select(catalog, "good"));
        Assert.Equal(ProxyExitCode.Plugin, error.ExitCode);
        Assert.Contains("Twin.dll", error.Message, StringComparison.Ordinal);
        Assert.Contains("TestPlugins.Good.dll", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task No_plugin_at_all_says_where_to_look()
    {
        using var catalog = _folders.Load();
        var error = await Assert.ThrowsAsync<ProxyStartException>(() => Select(catalog, "auto"));
        Assert.Equal(ProxyExitCode.Mode, error.ExitCode);
        Assert.Contains("--plugins-dir", error.Message, StringComparison.Ordinal);
    }

    private static Task<(IBackend Backend, BackendSupport Support)> Select(PluginCatalog catalog, string mode) =>
        new BackendSelection(catalog, TimeProvider.System).SelectAsync(mode, CancellationToken.None);
}
