using Microsoft.Extensions.DependencyInjection;
using ProxyFramework.Core.Sources;

namespace ProxyFramework.Core;

/// <summary>What a program adds to the proxy that it embeds, besides what plugins bring.</summary>
public static class ServiceProxyBuilderExtensions
{
    /// <summary>Adds a source, made by the program's own services.</summary>
    public static IServiceProxyBuilder AddSource<T>(this IServiceProxyBuilder builder)
        where T : class, IServiceSource
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddSingleton<IServiceSource, T>();
        return builder;
    }

    /// <summary>Adds a source, such as one in memory that the program fills.</summary>
    public static IServiceProxyBuilder AddSource(this IServiceProxyBuilder builder, IServiceSource source)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddSingleton(source);
        return builder;
    }

    /// <summary>Adds a backend that needs no plugin. It is selected by its name like any other.</summary>
    public static IServiceProxyBuilder AddBackend<T>(this IServiceProxyBuilder builder)
        where T : class, IBackend
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddSingleton<IBackend, T>();
        return builder;
    }

    /// <summary>Adds a scheduler that needs no plugin.</summary>
    public static IServiceProxyBuilder AddScheduler<T>(this IServiceProxyBuilder builder)
        where T : class, IScheduler
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddSingleton<IScheduler, T>();
        return builder;
    }
}
