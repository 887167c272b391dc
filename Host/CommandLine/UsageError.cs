using System.CommandLine;
using ProxyFramework.Core;

namespace ProxyFramework.Host.CommandLine;

/// <summary>What is printed where a command line cannot be used: every problem on a line of its own, and where to read more.</summary>
internal static class UsageError
{
    /// <summary>Prints it to stderr.</summary>
    /// <returns>The exit code for it.</returns>
    public static int Print(IEnumerable<string> problems, Command command)
    {
        foreach (var problem in problems.Distinct())
        {
            Console.Error.WriteLine($"svcproxy: {problem}");
        }

        Console.Error.WriteLine($"See 'svcproxy {(command is RootCommand ? "" : command.Name + " ")}--help'.");
        return (int)ProxyExitCode.Usage;
    }
}
