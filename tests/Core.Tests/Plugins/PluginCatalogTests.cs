using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Loader;
using System.Runtime.Versioning;
using ProxyFramework.Core.Plugins;
using Xunit;

namespace ProxyFramework.Core.Tests.Plugins;

[SupportedOSPlatform("linux")]
public sealed class PluginCatalogTests : IDisposable
{
    private readonly PluginFolders _folders = new();

    public void Dispose() => _folders.Dispose();

    [Fact]
    public void A_good_plugin_brings_its_backend_and_scheduler_from_a_context_of_its_own()
    {
        _folders.Add(PluginFolders.Good);
        using var catalog = _folders.Load();
        var plugin = Assert.Single(catalog.Plugins);
        Assert.Empty(plugin.Problems);
        Assert.True(plugin.IsLoaded);
        Assert.Equal(["good"], plugin.Backends);
        Assert.Equal(["good-scheduler"], plugin.Schedulers);
        Assert.Equal(new Version(1, 2, 3, 0), plugin.Version);
        Assert.Equal(typeof(IBackend).Assembly.GetName().Version, plugin.ContractVersion);
        Assert.NotSame(AssemblyLoadContext.Default, AssemblyLoadContext.GetLoadContext(catalog.Backends["good"].GetType().Assembly));
        Assert.NotNull(catalog.Schedulers.Find("good-scheduler"));
    }

    [Fact]
    public void A_broken_plugin_is_named_and_hides_no_other()
    {
        _folders.Add(PluginFolders.Good);
        _folders.Folder("Empty");
        File.WriteAllText(Path.Combine(_folders.Folder("Text"), "Text.dll"), "this is not an assembly");
        var truncated = _folders.Add(PluginFolders.Good, "Truncated");
        File.WriteAllBytes(truncated, File.ReadAllBytes(truncated)[..700]);
        File.Copy(typeof(Assert).Assembly.Location, Path.Combine(_folders.Folder("NoPlugin"), "NoPlugin.dll"));
        using var catalog = _folders.Load(allowInsecure: true);
        Assert.Equal(["good"], catalog.Backends.Keys);
        Assert.Contains("holds no Empty.dll", Problem(catalog, "Empty"), StringComparison.Ordinal);
        Assert.Contains("is not a whole .NET assembly", Problem(catalog, "Text"), StringComparison.Ordinal);
        Assert.Contains("is not a whole .NET assembly", Problem(catalog, "Truncated"), StringComparison.Ordinal);
        Assert.Contains("does not reference ProxyFramework.Abstractions", Problem(catalog, "NoPlugin"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(9, 0, "use a newer svcproxy")]
    [InlineData(0, 0, "use a version of the plugin that is built for this one")]
    public void A_plugin_for_another_contract_is_refused_before_its_code_is_loaded(int major, int minor, string advice)
    {
        PluginFolders.SetContractVersion(_folders.Add(PluginFolders.Good), (ushort)major, (ushort)minor);
        using var catalog = _folders.Load();
        var problem = Problem(catalog, PluginFolders.Good);
        Assert.Contains($"built for version {major}.{minor} of the plugin contract", problem, StringComparison.Ordinal);
        Assert.Contains(advice, problem, StringComparison.Ordinal);
        Assert.Empty(catalog.Backends);
    }

    [Theory]
    [InlineData("1.2", "1.2", true)]
    [InlineData("1.1", "1.2", true)]
    [InlineData("1.3", "1.2", false)]
    [InlineData("2.0", "1.2", false)]
    [InlineData("0.1", "0.1", true)]
    [InlineData("0.1", "0.2", false)]
    [InlineData("0.2", "0.1", false)]
    public void The_contract_version_follows_semantic_versioning(string plugin, string host, bool fits) =>
        Assert.Equal(fits, ContractVersion.Mismatch(Version.Parse(plugin), Version.Parse(host)) is null);

    [Fact]
    public void A_missing_dependency_is_named()
    {
        var assembly = _folders.Add(PluginFolders.Good);
        File.Delete(Path.Combine(Path.GetDirectoryName(assembly)!, "ProxyFramework.TestPlugins.Library.dll"));
        using var catalog = _folders.Load();
        var problem = Problem(catalog, PluginFolders.Good);
        Assert.Contains("a dependency is missing: ProxyFramework.TestPlugins.Library", problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Types_that_throw_hang_or_have_no_usable_name_are_named_and_the_rest_of_the_plugin_is_used()
    {
        _folders.Add(PluginFolders.Faulty);
        using var catalog = _folders.Load(constructionLimit: TimeSpan.FromMilliseconds(500));
        var problems = Assert.Single(catalog.Plugins).Problems;
        Assert.Equal(5, problems.Length);
        Assert.Contains(problems, problem => Says(problem, "ThrowsInConstructor", "the constructor has had enough"));
        Assert.Contains(problems, problem => Says(problem, "HangsInConstructor", "did not return within 0.5 s"));
        Assert.Contains(problems, problem => Says(problem, "ThrowsInName", "nameless"));
        Assert.Contains(problems, problem => Says(problem, "BadName", "'Bad Name'"));
        Assert.Contains(problems, problem => Says(problem, "TakesAuto", "'auto'"));
        Assert.Contains("better", catalog.Backends.Keys);
    }

    [Fact]
    public void Two_plugins_with_one_name_are_both_named_and_neither_is_used()
    {
        _folders.Add(PluginFolders.Good);
        _folders.Add(PluginFolders.Good, "Twin");
        using var catalog = _folders.Load();
        Assert.Empty(catalog.Backends);
        Assert.Null(catalog.Schedulers.Find("good-scheduler"));
        var conflict = Assert.Single(catalog.Conflicts, one => one.Kind == "backend");
        Assert.Equal("good", conflict.Name);
        Assert.Equal([_folders.Root + $"/{PluginFolders.Good}/{PluginFolders.Good}.dll", _folders.Root + "/Twin/Twin.dll"], conflict.Origins);
    }

    [Theory]
    [InlineData("")]
    [InlineData(PluginFolders.Good)]
    [InlineData(PluginFolders.Good + "/" + PluginFolders.Good + ".dll")]
    [InlineData(PluginFolders.Good + "/ProxyFramework.TestPlugins.Library.dll")]
    public void A_plugin_that_others_can_write_is_refused_unless_told_otherwise(string writable)
    {
        _folders.Add(PluginFolders.Good);
        var path = Path.Combine(_folders.Root, writable);
        File.SetUnixFileMode(path, File.GetUnixFileMode(path) | UnixFileMode.GroupWrite);
        using (var catalog = _folders.Load())
        {
            Assert.Contains("can be written by others", Problem(catalog, PluginFolders.Good), StringComparison.Ordinal);
            Assert.Empty(catalog.Backends);
        }

        using var trusting = _folders.Load(allowInsecure: true);
        Assert.Equal(["good"], trusting.Backends.Keys);
    }

    [Fact]
    public void A_plugins_folder_that_is_not_there_is_a_problem_of_its_own()
    {
        using var catalog = new PluginCatalog(
            new PluginCatalogOptions { Directories = ["/nonexistent/plugins"] }, [], [], [],
            Microsoft.Extensions.Logging.Abstractions.NullLoggerFactory.Instance, TimeProvider.System);
        Assert.Contains("/nonexistent/plugins", Assert.Single(catalog.DirectoryProblems), StringComparison.Ordinal);
    }

    [Fact]
    public void A_catalog_that_is_let_go_unloads_its_contexts()
    {
        _folders.Add(PluginFolders.Good);
        var context = LoadAndLetGo();

        // The runtime lets go in its own time: its background compiler may still be at work on the plugin's methods.
        for (var clock = Stopwatch.StartNew(); context.IsAlive && clock.Elapsed < TimeSpan.FromSeconds(20); Thread.Sleep(10))
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        Assert.False(context.IsAlive);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private WeakReference LoadAndLetGo()
    {
        var catalog = _folders.Load();
        var context = new WeakReference(AssemblyLoadContext.GetLoadContext(catalog.Backends["good"].GetType().Assembly));
        catalog.Dispose();
        return context;
    }

    private static bool Says(string problem, string type, string text) =>
        problem.Contains(type, StringComparison.Ordinal) && problem.Contains(text, StringComparison.Ordinal);

    private static string Problem(PluginCatalog catalog, string plugin) =>
        Assert.Single(Assert.Single(catalog.Plugins, one => one.Name == plugin).Problems);
}
