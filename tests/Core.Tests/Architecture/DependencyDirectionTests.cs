using System.Xml.Linq;
using Xunit;

namespace ProxyFramework.Core.Tests.Architecture;

/// <summary>Dependencies point downwards only: Host → Sources.Kubernetes → Core → Abstractions; plugins → KernelBackends → Netlink → Abstractions.</summary>
public sealed class DependencyDirectionTests
{
    private static readonly string Root = FindRoot();

    [Fact]
    public void Abstractions_depend_on_no_project() => Assert.Empty(ReferencesOf("Abstractions/Abstractions.csproj"));

    [Fact]
    public void Core_depends_on_Abstractions_alone() => Assert.Equal(["Abstractions"], ReferencesOf("Core/Core.csproj"));

    [Fact]
    public void The_host_references_no_backend_and_no_plugin() =>
        Assert.All(ReferencesOf("Host/Host.csproj"), name => Assert.Contains(name, new[] { "Sources.Kubernetes", "Core", "Abstractions" }));

    [Fact]
    public void Sources_depend_on_Core_alone() => Assert.Equal(["Core"], ReferencesOf("Sources.Kubernetes/Sources.Kubernetes.csproj"));

    [Fact]
    public void Plugins_depend_on_Abstractions_and_the_kernel_libraries_alone()
    {
        var plugins = Directory.EnumerateDirectories(Root)
            .Select(folder => Path.GetFileName(folder))
            .Where(name => name.StartsWith("Backends.", StringComparison.Ordinal) || name.StartsWith("Plugins.", StringComparison.Ordinal))
            .ToList();

        Assert.NotEmpty(plugins);
        Assert.All(plugins, plugin => Assert.All(
            ReferencesOf($"{plugin}/{plugin}.csproj"), name => Assert.Contains(name, new[] { "Abstractions", "Netlink", "KernelBackends" })));
    }

    [Fact]
    public void Kernel_libraries_depend_downwards()
    {
        Assert.Equal(["Abstractions"], ReferencesOf("Netlink/Netlink.csproj"));
        Assert.Equal(["Abstractions", "Netlink"], ReferencesOf("KernelBackends/KernelBackends.csproj"));
    }

    private static List<string> ReferencesOf(string project) =>
        [.. XDocument.Load(Path.Combine(Root, project))
            .Descendants("ProjectReference")
            .Where(reference => (string?)reference.Attribute("ReferenceOutputAssembly") != "false")
            .Select(reference => Path.GetFileNameWithoutExtension((string?)reference.Attribute("Include") ?? ""))];

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "ProxyFramework.sln")))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException("the tests run from inside the repository");
    }
}
