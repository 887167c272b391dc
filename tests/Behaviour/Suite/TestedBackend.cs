namespace ProxyFramework.Behaviour.Suite;

/// <summary>What is tested: chosen by environment variables, so that the same build tests every backend.</summary>
public static class TestedBackend
{
    /// <summary><c>SVCPROXY_MODE</c>: the name given to <c>--mode</c>.</summary>
    public static string Mode { get; } = Environment.GetEnvironmentVariable("SVCPROXY_MODE") is { Length: > 0 } mode ? mode : "userspace";

    /// <summary><c>SVCPROXY_ARGS</c>: further flags, separated by spaces (a flavour of a backend, <c>--plugins-dir</c>).</summary>
    public static IReadOnlyList<string> Flags { get; } =
        (Environment.GetEnvironmentVariable("SVCPROXY_ARGS") ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries);

    /// <summary><c>SVCPROXY</c>: the program; unless set, <c>artifacts/svcproxy/svcproxy</c> of the repository this was built in.</summary>
    public static string Program { get; } = Environment.GetEnvironmentVariable("SVCPROXY") is { Length: > 0 } path ? Path.GetFullPath(path) : Find();

    private static string Find()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            var candidate = Path.Combine(folder.FullName, "artifacts", "svcproxy", "svcproxy");
            if (File.Exists(candidate))
            {
                return candidate;
            }
        }

        return "artifacts/svcproxy/svcproxy (not built; build the solution, or set SVCPROXY)";
    }
}
