using System.Collections.Immutable;
using System.Globalization;
using System.Reflection;
using System.Runtime.ExceptionServices;
using McMaster.NETCore.Plugins;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;

namespace ProxyFramework.Core.Plugins;

/// <summary>
/// The one handle by which the host holds a plugin: its load context, and the objects that came out of it. Nothing else keeps a
/// reference into the context, so that disposing this unloads it (natemcmaster/DotNetCorePlugins #16, #126).
/// </summary>
internal sealed class LoadedPlugin : IDisposable
{
    /// <summary>
    /// Of these the plugin sees the host's own, so that both mean the same type by the same name. Everything else is the plugin's.
    /// </summary>
    private static readonly Type[] SharedTypes =
    [
        typeof(IBackend), typeof(ILogger), typeof(IConfiguration), typeof(IServiceCollection), typeof(IOptions<>), typeof(IChangeToken),
    ];

    private readonly PluginLoader _loader;

    private LoadedPlugin(PluginLoader loader, ImmutableArray<object> parts, ImmutableArray<string> problems)
    {
        _loader = loader;
        Backends = [.. parts.OfType<IBackend>()];
        Schedulers = [.. parts.OfType<IScheduler>()];
        HealthChecks = [.. parts.OfType<IHealthCheck>()];
        Problems = problems;
    }

    /// <summary>One instance of each backend type.</summary>
    public ImmutableArray<IBackend> Backends { get; private set; }

    /// <summary>One instance of each scheduler type.</summary>
    public ImmutableArray<IScheduler> Schedulers { get; private set; }

    /// <summary>One instance of each health check type.</summary>
    public ImmutableArray<IHealthCheck> HealthChecks { get; private set; }

    /// <summary>Types that could not be made, and why; the others are usable.</summary>
    public ImmutableArray<string> Problems { get; }

    /// <summary>Loads an assembly in a context of its own and makes its backends and schedulers.</summary>
    /// <exception cref="PluginProblemException">It cannot be used at all.</exception>
    public static LoadedPlugin Load(string assemblyPath, IServiceProvider lent, TimeSpan constructionLimit)
    {
        var loader = PluginLoader.CreateFromAssemblyFile(assemblyPath, SharedTypes, config => config.IsUnloadable = true);
        try
        {
            return Construct(loader, lent, constructionLimit);
        }
        catch (Exception error)
        {
            loader.Dispose();
            throw error is PluginProblemException ? error : new PluginProblemException(Explain(error));
        }
    }

    /// <summary>Unloads it, once nobody uses what it brought any more.</summary>
    public void Dispose()
    {
        Backends = [];
        Schedulers = [];
        HealthChecks = [];
        _loader.Dispose();
    }

    private static LoadedPlugin Construct(PluginLoader loader, IServiceProvider lent, TimeSpan constructionLimit)
    {
        var parts = ImmutableArray.CreateBuilder<object>();
        var problems = ImmutableArray.CreateBuilder<string>();
        var assembly = loader.LoadDefaultAssembly();
        problems.AddRange(FindUnloadableTypes(assembly));
        var types = FindTypes(assembly);
        foreach (var type in types)
        {
            try
            {
                var part = Within(constructionLimit, () => ActivatorUtilities.CreateInstance(lent, type), type);
                RequireName(part);
                parts.Add(part);
            }
            catch (Exception error)
            {
                problems.Add($"{type.FullName} cannot be used: {Explain(error)}");
            }
        }

        if (types.Length == 0)
        {
            throw new PluginProblemException(problems.Count > 0
                ? string.Join("; ", problems)
                : "it has no public, non-abstract class that implements IBackend, IScheduler or IHealthCheck: it is no plugin");
        }

        return new LoadedPlugin(loader, parts.ToImmutable(), problems.ToImmutable());
    }

    /// <summary>The scan passes over types that cannot be loaded; a plugin that lacks some of its own must be told of.</summary>
    private static ImmutableArray<string> FindUnloadableTypes(Assembly assembly)
    {
        try
        {
            _ = assembly.GetTypes();
            return [];
        }
        catch (ReflectionTypeLoadException error)
        {
            return [.. error.LoaderExceptions.OfType<Exception>().Select(Explain).Distinct(StringComparer.Ordinal)];
        }
    }

    private static ImmutableArray<Type> FindTypes(Assembly assembly)
    {
        var found = new ServiceCollection();
        found.Scan(scan => scan.FromAssemblies(assembly)
            .AddClasses(classes => classes.AssignableToAny(typeof(IBackend), typeof(IScheduler), typeof(IHealthCheck)), publicOnly: true)
            .AsSelf());
        return [.. found.Select(descriptor => descriptor.ServiceType).Where(type => !type.IsGenericTypeDefinition)
            .OrderBy(type => type.FullName, StringComparer.Ordinal)];
    }

    private static void RequireName(object part)
    {
        if (part is IBackend backend)
        {
            PluginName.RequireBackend(backend.Name);
        }

        if (part is IScheduler scheduler)
        {
            PluginName.Require(scheduler.Name);
        }

        if (part is IHealthCheck check)
        {
            PluginName.Require(check.Name);
        }
    }

    /// <summary>Runs foreign code on a thread that the process does not wait for, so that a hang costs the limit and nothing else.</summary>
    private static object Within(TimeSpan limit, Func<object> construct, Type type)
    {
        object? result = null;
        ExceptionDispatchInfo? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                result = construct();
            }
            catch (Exception error)
            {
                failure = ExceptionDispatchInfo.Capture(error);
            }
        })
        { IsBackground = true, Name = "plugin " + type.Name };
        thread.Start();
        if (!thread.Join(limit))
        {
            throw new PluginProblemException(string.Create(
                CultureInfo.InvariantCulture, $"its constructor did not return within {limit.TotalSeconds} s"));
        }

        failure?.Throw();
        return result!;
    }

    private static string Explain(Exception error) => error switch
    {
        PluginProblemException => error.Message,
        TargetInvocationException { InnerException: { } inner } => Explain(inner),
        ReflectionTypeLoadException { LoaderExceptions: [{ } first, ..] } => Explain(first),
        FileNotFoundException { FileName: { } name } when name.Contains(", Version=", StringComparison.Ordinal) =>
            $"a dependency is missing: {name}; put its assembly into the plugin's folder ('dotnet publish' gathers them)",
        FileLoadException { FileName: { } name } => $"a dependency cannot be loaded: {name}: {error.Message}",
        BadImageFormatException => $"it is not an assembly that this runtime can load: {error.Message}",
        _ => $"{error.GetType().Name}: {error.Message}",
    };
}
