using System.CommandLine;
using System.CommandLine.Invocation;
using System.Runtime.CompilerServices;
using ProxyFramework.Core;

namespace ProxyFramework.Host.CommandLine;

/// <summary>
/// What <c>--help</c> prints: what the command does, how it is used, the commands, and its flags under headings, within the width of
/// the terminal.
/// </summary>
internal sealed class HelpPage : SynchronousCommandLineAction
{
    /// <summary>Where descriptions begin; a longer flag has its description on the next line.</summary>
    private const int Column = 34;

    private const int WidthOfPipes = 110;

    private const string Default = "[default: ";
    private const string KeptTogether = "[default:\u00a0";

    /// <inheritdoc/>
    public override bool ClearsParseErrors => true;

    /// <inheritdoc/>
    public override int Invoke(ParseResult parseResult)
    {
        Write(parseResult.CommandResult.Command, parseResult.InvocationConfiguration.Output, Width());
        return (int)ProxyExitCode.Success;
    }

    /// <summary>Writes the page of a command.</summary>
    public static void Write(Command command, TextWriter output, int width)
    {
        output.WriteLine(command.Description);
        output.WriteLine();
        output.WriteLine(command is RootCommand ? "Usage: svcproxy [COMMAND] [FLAGS]" : $"Usage: svcproxy {command.Name} [FLAGS]");
        if (command.Subcommands.Count > 0)
        {
            output.WriteLine();
            output.WriteLine("Commands (each has its own --help):");
            foreach (var one in command.Subcommands)
            {
                WriteEntry(output, one.Name, one.Description, width);
            }
        }

        foreach (var group in command.Options.Where(option => !option.Hidden).GroupBy(FlagHeadings.Of).OrderBy(group => group.Key == FlagHeadings.Other))
        {
            output.WriteLine();
            output.WriteLine(group.Key + ":");
            foreach (var option in group)
            {
                WriteEntry(output, Syntax(option), Describe(option), width);
            }
        }

        if (command.Subcommands.Count > 0)
        {
            output.WriteLine();
            output.WriteLine("Flags of kube-proxy that are not listed are refused, with advice what to use instead.");
            output.WriteLine("Exit codes: " + string.Join(", ", Enum.GetValues<ProxyExitCode>().Select(code => $"{(int)code} {code.ToString().ToLowerInvariant()}")));
        }
    }

    private static string Syntax(Option option)
    {
        var names = string.Join(", ", option.Aliases.Prepend(option.Name).OrderBy(name => name.Length).Where(name => name is not ("-?" or "/?" or "/h" or "--v")));
        return option.HelpName is { } value ? $"{names} {value}" : names;
    }

    private static string Describe(Option option) =>
        option.HasDefaultValue && option.GetDefaultValue() is { } value and not (bool or Array)
            ? $"{option.Description} [default: {value}]"
            : option.Description ?? "";

    private static void WriteEntry(TextWriter output, string name, string? description, int width)
    {
        var line = ("  " + name).PadRight(Column - 2);
        if (line.Length > Column - 2)
        {
            output.WriteLine(line);
            line = new string(' ', Column - 2);
        }

        line += "  ";
        var isEmpty = true;
        foreach (var part in (description ?? "").Replace(Default, KeptTogether, StringComparison.Ordinal).Split(' '))
        {
            var word = part.Replace(KeptTogether, Default, StringComparison.Ordinal);
            if (!isEmpty && line.Length + 1 + word.Length > width)
            {
                output.WriteLine(line);
                line = new string(' ', Column);
                isEmpty = true;
            }

            line += isEmpty ? word : " " + word;
            isEmpty = false;
        }

        output.WriteLine(line);
    }

    private static int Width()
    {
        try
        {
            return Console.IsOutputRedirected ? WidthOfPipes : Math.Max(Console.WindowWidth, Column + 30);
        }
        catch (IOException)
        {
            return WidthOfPipes;
        }
    }
}

/// <summary>Under which heading the help page lists a flag.</summary>
internal static class FlagHeadings
{
    /// <summary>That of flags without one: what every command has.</summary>
    public const string Other = "Other";

    private static readonly ConditionalWeakTable<Option, string> Headings = [];

    /// <summary>Gives flags to a command, under a heading.</summary>
    public static void AddFlags(this Command command, string heading, params ReadOnlySpan<Option> options)
    {
        foreach (var option in options)
        {
            Headings.AddOrUpdate(option, heading);
            command.Options.Add(option);
        }
    }

    /// <summary>A flag's heading.</summary>
    public static string Of(Option option) => Headings.TryGetValue(option, out var heading) ? heading : Other;
}
