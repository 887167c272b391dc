using Microsoft.Extensions.DependencyInjection;

namespace ProxyFramework.Core;

/// <summary>What a program adds to the proxy that it embeds; see <see cref="ServiceProxyBuilderExtensions"/>.</summary>
public interface IServiceProxyBuilder
{
    /// <summary>The program's services.</summary>
    IServiceCollection Services { get; }
}
