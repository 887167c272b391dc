using System.CommandLine;
using ProxyFramework.Core;

namespace ProxyFramework.Host.CommandLine;

/// <summary>The flags about plugins, which all commands that load them have.</summary>
internal sealed class PluginFlags
{
    private readonly Option<string[]> _directories = Flag.Paths(
        "--plugins-dir", "A further folder with plugins, each as NAME/NAME.dll; repeatable");

    private readonly Option<bool> _allowInsecure = Flag.Switch(
        "--allow-insecure-plugins", "Load plugins even if others than their owner can write them");

    /// <summary>Where the plugins that come with the program are.</summary>
    public static string OwnDirectory => Path.Combine(AppContext.BaseDirectory, "plugins");

    /// <summary>Gives the flags to a command.</summary>
    public void AddTo(Command command)
    {
        command.AddFlags("Plugins", _directories, _allowInsecure);
    }

    /// <summary>Reads them.</summary>
    public void Read(ParseResult parsed, ServiceProxyOptions options)
    {
        options.PluginDirectories.Add(OwnDirectory);
        foreach (var directory in parsed.GetValue(_directories) ?? [])
        {
            options.PluginDirectories.Add(Path.GetFullPath(directory));
        }

        options.AllowInsecurePlugins = parsed.GetValue(_allowInsecure);
    }
}
