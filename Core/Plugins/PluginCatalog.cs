using System.Collections.Frozen;
using System.Collections.Immutable;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace ProxyFramework.Core.Plugins;

/// <summary>
/// The backends, schedulers and health checks that there are: those of the plugins found in folders, and those that the program itself brings.
/// What could not be loaded is listed with the reason, and takes nothing else down with it. Loading is done when this is made.
/// </summary>
public sealed partial class PluginCatalog : IDisposable
{
    private readonly PluginCatalogOptions _options;
    private readonly ILogger<PluginCatalog> _logger;
    private readonly ServiceProvider _lent;
    private readonly List<LoadedPlugin> _loaded = [];
    private readonly List<(string Origin, IBackend Backend)> _backends = [];
    private readonly List<(string Origin, IScheduler Scheduler)> _schedulers = [];
    private readonly List<(string Origin, IHealthCheck Check)> _healthChecks = [];

    /// <summary>Searches the folders and loads what is in them.</summary>
    /// <param name="options">Where to search.</param>
    /// <param name="backends">Those that need no plugin.</param>
    /// <param name="schedulers">Those that need no plugin.</param>
    /// <param name="healthChecks">Those that need no plugin.</param>
    /// <param name="loggerFactory">Lent to plugins, whose constructors may ask for it or for an <see cref="ILogger{T}"/>.</param>
    /// <param name="timeProvider">Lent to plugins likewise.</param>
    public PluginCatalog(
        PluginCatalogOptions options,
        IEnumerable<IBackend> backends,
        IEnumerable<IScheduler> schedulers,
        IEnumerable<IHealthCheck> healthChecks,
        ILoggerFactory loggerFactory,
        TimeProvider timeProvider)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options;
        _logger = loggerFactory.CreateLogger<PluginCatalog>();
        _lent = Lend(loggerFactory, timeProvider);
        _backends.AddRange(backends.Select(backend => (backend.GetType().FullName!, backend)));
        _schedulers.AddRange(schedulers.Select(scheduler => (scheduler.GetType().FullName!, scheduler)));
        _healthChecks.AddRange(healthChecks.Select(check => (check.GetType().FullName!, check)));
        Plugins = [.. _options.Directories.Distinct(StringComparer.Ordinal).SelectMany(directory => LoadDirectory(directory))];

        var conflicts = ImmutableArray.CreateBuilder<NameConflict>();
        Backends = ByName("backend", _backends, static backend => backend.Name, conflicts);
        Schedulers = new SchedulerCatalog(ByName("scheduler", _schedulers, static scheduler => scheduler.Name, conflicts));
        HealthChecks = ByName("health check", _healthChecks, static check => check.Name, conflicts);
        Conflicts = conflicts.ToImmutable();
        foreach (var conflict in Conflicts)
        {
            Log.NameConflict(_logger, conflict);
        }
    }

    /// <summary>Every plugin folder, in the order of search, loaded or refused.</summary>
    public ImmutableArray<PluginInfo> Plugins { get; }

    /// <summary>Plugins folders that could not be read, one message each.</summary>
    public ImmutableArray<string> DirectoryProblems { get; private set; } = [];

    /// <summary>Names that are claimed more than once.</summary>
    public ImmutableArray<NameConflict> Conflicts { get; }

    /// <summary>The usable backends by name.</summary>
    public IReadOnlyDictionary<string, IBackend> Backends { get; }

    /// <summary>The usable schedulers.</summary>
    public ISchedulerCatalog Schedulers { get; }

    /// <summary>The usable health checks by name.</summary>
    public IReadOnlyDictionary<string, IHealthCheck> HealthChecks { get; }

    /// <summary>Lets the load contexts go. Whatever came out of them must not be in use any more.</summary>
    public void Dispose()
    {
        foreach (var plugin in _loaded)
        {
            plugin.Dispose();
        }

        _loaded.Clear();
        _backends.Clear();
        _schedulers.Clear();
        _healthChecks.Clear();
        _lent.Dispose();
    }

    private static ServiceProvider Lend(ILoggerFactory loggerFactory, TimeProvider timeProvider)
    {
        var services = new ServiceCollection();
        services.AddSingleton(loggerFactory);
        services.AddSingleton(timeProvider);
        services.AddSingleton(typeof(ILogger<>), typeof(Logger<>));
        return services.BuildServiceProvider();
    }

    private static FrozenDictionary<string, T> ByName<T>(
        string kind, List<(string Origin, T Item)> all, Func<T, string> nameOf, ImmutableArray<NameConflict>.Builder conflicts)
    {
        var usable = new Dictionary<string, T>(StringComparer.Ordinal);
        foreach (var group in all.GroupBy(one => nameOf(one.Item), StringComparer.Ordinal).OrderBy(group => group.Key, StringComparer.Ordinal))
        {
            if (group.Count() == 1)
            {
                usable.Add(group.Key, group.First().Item);
            }
            else
            {
                conflicts.Add(new NameConflict(kind, group.Key, [.. group.Select(one => one.Origin)]));
            }
        }

        return usable.ToFrozenDictionary(StringComparer.Ordinal);
    }

    private ImmutableArray<PluginInfo> LoadDirectory(string directory)
    {
        try
        {
            return [.. PluginFolder.Find(Path.GetFullPath(directory)).Select(Load)];
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            var problem = $"the plugins folder {directory} cannot be read: {error.Message}";
            DirectoryProblems = DirectoryProblems.Add(problem);
            Log.DirectoryProblem(_logger, problem);
            return [];
        }
    }

    private PluginInfo Load(PluginFolder folder)
    {
        var info = new PluginInfo { Name = folder.Name, Path = folder.AssemblyPath };
        try
        {
            folder.RequireAssembly();
            if (!_options.AllowInsecure)
            {
                folder.RequireTrustedFiles();
            }

            var metadata = PluginMetadata.Read(folder.AssemblyPath);
            info = info with { AssemblyName = metadata.AssemblyName, Version = metadata.Version, ContractVersion = metadata.ContractVersion };
            RequireContract(metadata);
            info = Describe(info, folder, LoadedPlugin.Load(folder.AssemblyPath, _lent, _options.ConstructionLimit));
        }
        catch (PluginProblemException error)
        {
            info = info with { Problems = [error.Message] };
        }

        foreach (var problem in info.Problems)
        {
            Log.PluginProblem(_logger, info.Name, problem);
        }

        return info;
    }

    private static void RequireContract(PluginMetadata metadata)
    {
        if (metadata.ContractVersion is not { } version)
        {
            throw new PluginProblemException("it does not reference ProxyFramework.Abstractions, so it cannot be a plugin: remove it from the plugins folder");
        }

        if (ContractVersion.Mismatch(version, ContractVersion.OfHost) is { } mismatch)
        {
            throw new PluginProblemException(mismatch);
        }
    }

    private PluginInfo Describe(PluginInfo info, PluginFolder folder, LoadedPlugin plugin)
    {
        _loaded.Add(plugin);
        _backends.AddRange(plugin.Backends.Select(backend => (folder.AssemblyPath, backend)));
        _schedulers.AddRange(plugin.Schedulers.Select(scheduler => (folder.AssemblyPath, scheduler)));
        _healthChecks.AddRange(plugin.HealthChecks.Select(check => (folder.AssemblyPath, check)));
        return info with
        {
            IsLoaded = plugin.Backends.Length + plugin.Schedulers.Length + plugin.HealthChecks.Length > 0,
            Problems = plugin.Problems,
            Backends = [.. plugin.Backends.Select(backend => backend.Name).Order(StringComparer.Ordinal)],
            Schedulers = [.. plugin.Schedulers.Select(scheduler => scheduler.Name).Order(StringComparer.Ordinal)],
            HealthChecks = [.. plugin.HealthChecks.Select(check => check.Name).Order(StringComparer.Ordinal)],
        };
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "Plugin {Plugin}: {Problem}.")]
        public static partial void PluginProblem(ILogger logger, string plugin, string problem);

        [LoggerMessage(2, LogLevel.Warning, "{Problem}.")]
        public static partial void DirectoryProblem(ILogger logger, string problem);

        [LoggerMessage(3, LogLevel.Warning, "{Conflict}.")]
        public static partial void NameConflict(ILogger logger, NameConflict conflict);
    }
}
