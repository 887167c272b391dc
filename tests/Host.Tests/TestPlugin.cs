using System.Runtime.Versioning;

namespace ProxyFramework.Host.Tests;

/// <summary>Plugins that are built for tests, from where the build leaves them.</summary>
[SupportedOSPlatform("linux")]
internal static class TestPlugin
{
    /// <summary>Backends that do not return.</summary>
    public const string Hanging = "TestPlugins.Hanging";

    /// <summary>Lays a plugin into <c>FOLDER/plugins/</c> as an operator would; returns its folder.</summary>
    /// <param name="folder">Where.</param>
    /// <param name="project">The project's folder under <c>artifacts/bin</c>.</param>
    /// <param name="assembly">The assembly's name, where it is not the project's.</param>
    public static string CopyTo(string folder, string project, string? assembly = null)
    {
        var target = Path.Combine(folder, "plugins", assembly ?? "ProxyFramework." + project);
        Directory.CreateDirectory(target);
        foreach (var file in Directory.EnumerateFiles(Path.Combine(SvcproxyProcess.Layout, "..", "bin", project, "release")))
        {
            var copy = Path.Combine(target, Path.GetFileName(file));
            File.Copy(file, copy);
            File.SetUnixFileMode(copy, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }

        foreach (var directory in new[] { Path.GetDirectoryName(target)!, target })
        {
            File.SetUnixFileMode(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        return target;
    }
}
