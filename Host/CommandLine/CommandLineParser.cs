using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.Reflection;
using System.Runtime.InteropServices;
using ProxyFramework.Core;
using ProxyFramework.Host.Commands;
using ProxyFramework.Host.Configuration;

namespace ProxyFramework.Host.CommandLine;

/// <summary>The command line as a whole: <c>svcproxy [run] [flags]</c>, <c>plugins</c>, <c>cleanup</c> and <c>demo</c>.</summary>
internal static class CommandLineParser
{
    private static readonly ParserConfiguration Configuration = new()
    {
        // "@file" is an ordinary value here: an abstract socket's name, say.
        ResponseFileTokenReplacer = null,
    };

    /// <summary>Runs what the arguments ask for.</summary>
    /// <returns>The exit code, as <c>docs/exit-codes.md</c> lists them.</returns>
    public static async Task<int> InvokeAsync(string[] arguments)
    {
        var parsed = Build().Parse(arguments, Configuration);
        if (parsed.Errors.Count == 0 && parsed.Action is not (HelpPage or VersionAction) && FileOf(parsed) is { } path)
        {
            var file = ConfigurationFile.Read(path);
            if (file.Problems.Count > 0)
            {
                return UsageError.Print(file.Problems, parsed.CommandResult.Command);
            }

            // Of a flag that is given twice the last one counts: so those of the file come first.
            var isNamed = arguments is ["run", ..];
            parsed = Build(file.Notes).Parse([.. isNamed ? ["run"] : Array.Empty<string>(), .. file.Arguments, .. arguments[(isNamed ? 1 : 0)..]], Configuration);
        }

        if (parsed.Errors.Count > 0 && parsed.Action is not (HelpPage or VersionAction))
        {
            return UsageError.Print(parsed.Errors.Select(error => error.Message), parsed.CommandResult.Command);
        }

        // Signals belong to the host's own lifetime, and what fails unexpectedly to Program.
        var configuration = new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null };
        return await parsed.InvokeAsync(configuration);
    }

    /// <summary>The commands with their flags.</summary>
    /// <param name="notes">What a configuration file says that makes no difference.</param>
    public static RootCommand Build(IReadOnlyList<string>? notes = null)
    {
        var run = new Command("run", "Run the proxy until it is stopped; this is what svcproxy does without a command");
        var root = new RootCommand("The service proxy of a Kubernetes node.") { run, PluginsCommand.Create(), CleanupCommand.Create(), DemoCommand.Create() };
        Give(root, new RunFlags(notes));
        Give(run, new RunFlags(notes));
        var help = root.Options.OfType<HelpOption>().Single();
        help.Description = "Show this page";
        help.Action = new HelpPage();
        var version = root.Options.OfType<VersionOption>().Single();
        version.Description = "Show the versions of program, plugin contract and runtime";
        version.Action = new VersionAction();

        // "svcproxy --mode=x run --manifests=y" would otherwise forget the first flag.
        run.Validators.Add(result =>
        {
            var before = result.Parent?.Tokens.Count ?? 0;
            if (before > 0 || (result.Parent as System.CommandLine.Parsing.CommandResult)?.Children.OfType<System.CommandLine.Parsing.OptionResult>().Any(option => !option.Implicit) == true)
            {
                result.AddError("flags come after the command: svcproxy run --flag=value");
            }
        });
        return root;
    }

    private static string? FileOf(ParseResult parsed) =>
        parsed.CommandResult.Command.Options.FirstOrDefault(option => option.Name == "--config") is Option<string?> config ? parsed.GetValue(config) : null;

    private static void Give(Command command, RunFlags flags)
    {
        flags.AddTo(command);
        command.SetAction(async (parsed, cancellation) =>
        {
            var settings = flags.Read(parsed, out var problems);
            return problems.Count > 0 ? UsageError.Print(problems, command) : await RunCommand.RunAsync(settings, cancellation);
        });
    }

    private sealed class VersionAction : SynchronousCommandLineAction
    {
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            var program = typeof(CommandLineParser).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion;
            var contract = typeof(IBackend).Assembly.GetName().Version!;
            parseResult.InvocationConfiguration.Output.WriteLine(
                $"svcproxy {program} (plugin contract {contract.ToString(2)}, {RuntimeInformation.FrameworkDescription})");
            return (int)ProxyExitCode.Success;
        }
    }
}
