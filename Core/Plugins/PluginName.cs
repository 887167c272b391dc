using System.Buffers;

namespace ProxyFramework.Core.Plugins;

/// <summary>What a backend or a scheduler may be called, so that it can be written as a flag, a section and an annotation.</summary>
internal static class PluginName
{
    private static readonly SearchValues<char> Allowed = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789-");

    /// <summary>Refuses a name that cannot be selected.</summary>
    /// <exception cref="PluginProblemException">It is empty or has other characters.</exception>
    public static void Require(string? name)
    {
        if (string.IsNullOrEmpty(name) || name.AsSpan().ContainsAnyExcept(Allowed))
        {
            throw new PluginProblemException($"its Name is '{name}': a name consists of lower-case letters, digits and hyphens");
        }
    }

    /// <summary>Refuses a name that cannot be a mode.</summary>
    /// <exception cref="PluginProblemException">It is no name, or the one that stands for the choice among all.</exception>
    public static void RequireBackend(string? name)
    {
        Require(name);
        if (name == ServiceProxyOptions.AutoMode)
        {
            throw new PluginProblemException($"its Name is '{name}', which stands for the choice of the best backend");
        }
    }
}
