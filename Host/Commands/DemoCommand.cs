using System.CommandLine;

namespace ProxyFramework.Host.Commands;

internal static class DemoCommand
{
    public static Command Create() => new("demo", "x");
}
