using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;
using System.Runtime.Versioning;
using Microsoft.Extensions.Logging.Abstractions;
using ProxyFramework.Core.Plugins;

namespace ProxyFramework.Core.Tests.Plugins;

/// <summary>A plugins folder of a test's own, filled with copies of the test plugins, and taken away at the end.</summary>
[SupportedOSPlatform("linux")]
internal sealed class PluginFolders : IDisposable
{
    public const string Good = "ProxyFramework.TestPlugins.Good";
    public const string Faulty = "ProxyFramework.TestPlugins.Faulty";

    private static readonly string Built = Path.Combine(AppContext.BaseDirectory, "test-plugins");

    public PluginFolders()
    {
        Root = System.IO.Directory.CreateTempSubdirectory("plugins-").FullName;
        File.SetUnixFileMode(Root, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    public string Root { get; }

    /// <summary>Copies a plugin; under another name where one is given. Returns the assembly's path.</summary>
    public string Add(string plugin, string? name = null)
    {
        var folder = Folder(name ?? plugin);
        foreach (var file in System.IO.Directory.EnumerateFiles(Path.Combine(Built, plugin)))
        {
            var copy = Path.Combine(folder, Path.GetFileName(file).Replace(plugin, name ?? plugin, StringComparison.Ordinal));
            File.Copy(file, copy);
            File.SetUnixFileMode(copy, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }

        return Path.Combine(folder, (name ?? plugin) + ".dll");
    }

    /// <summary>A plugin folder without anything in it.</summary>
    public string Folder(string name) => System.IO.Directory.CreateDirectory(
        Path.Combine(Root, name), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute).FullName;

    /// <summary>Makes an assembly claim that it was built for another version of the contract (ECMA-335 II.22.5).</summary>
    public static void SetContractVersion(string assembly, ushort major, ushort minor)
    {
        var bytes = File.ReadAllBytes(assembly);
        using (var image = new PEReader(new MemoryStream(bytes)))
        {
            var metadata = image.GetMetadataReader();
            var reference = metadata.AssemblyReferences.Single(
                handle => metadata.GetString(metadata.GetAssemblyReference(handle).Name) == "ProxyFramework.Abstractions");
            var row = image.PEHeaders.MetadataStartOffset + metadata.GetTableMetadataOffset(TableIndex.AssemblyRef)
                + ((MetadataTokens.GetRowNumber(reference) - 1) * metadata.GetTableRowSize(TableIndex.AssemblyRef));
            BitConverter.TryWriteBytes(bytes.AsSpan(row), major);
            BitConverter.TryWriteBytes(bytes.AsSpan(row + 2), minor);
        }

        File.WriteAllBytes(assembly, bytes);
    }

    public PluginCatalog Load(bool allowInsecure = false, TimeSpan? constructionLimit = null, params IBackend[] backends) => new(
        new PluginCatalogOptions
        {
            Directories = [Root],
            AllowInsecure = allowInsecure,
            ConstructionLimit = constructionLimit ?? TimeSpan.FromSeconds(10),
        },
        backends,
        [],
        [],
        NullLoggerFactory.Instance,
        TimeProvider.System);

    public void Dispose() => System.IO.Directory.Delete(Root, recursive: true);
}
