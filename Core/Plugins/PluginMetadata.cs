using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;

namespace ProxyFramework.Core.Plugins;

/// <summary>What an assembly file says of itself, read without loading it: no code of a plugin runs before this is judged.</summary>
/// <param name="AssemblyName">Its simple name.</param>
/// <param name="Version">Its version.</param>
/// <param name="ContractVersion">The version of <c>ProxyFramework.Abstractions</c> that it references; null for none.</param>
internal sealed record PluginMetadata(string AssemblyName, Version Version, Version? ContractVersion)
{
    private static readonly string ContractName = typeof(IBackend).Assembly.GetName().Name!;

    /// <summary>Reads the metadata of an assembly file.</summary>
    /// <exception cref="PluginProblemException">It is not a whole .NET assembly, or cannot be read.</exception>
    public static PluginMetadata Read(string path)
    {
        try
        {
            using var stream = File.OpenRead(path);
            using var image = new PEReader(stream);
            if (!image.HasMetadata)
            {
                throw NotAnAssembly(path, "it is a native image without .NET metadata");
            }

            var metadata = image.GetMetadataReader();
            if (!metadata.IsAssembly)
            {
                throw NotAnAssembly(path, "it is a module without an assembly manifest");
            }

            var definition = metadata.GetAssemblyDefinition();
            return new PluginMetadata(metadata.GetString(definition.Name), definition.Version, FindContractVersion(metadata));
        }
        catch (Exception error) when (error is BadImageFormatException or InvalidOperationException or ArgumentException or OverflowException)
        {
            throw NotAnAssembly(path, error.Message);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new PluginProblemException($"{path} cannot be read: {error.Message}");
        }
    }

    private static Version? FindContractVersion(MetadataReader metadata)
    {
        foreach (var handle in metadata.AssemblyReferences)
        {
            var reference = metadata.GetAssemblyReference(handle);
            if (metadata.StringComparer.Equals(reference.Name, ContractName))
            {
                return reference.Version;
            }
        }

        return null;
    }

    private static PluginProblemException NotAnAssembly(string path, string reason) =>
        new($"{path} is not a whole .NET assembly ({reason}): build or copy it again");
}
