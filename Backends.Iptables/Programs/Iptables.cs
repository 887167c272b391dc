using System.Diagnostics;
using System.Globalization;
using System.Text;
using ProxyFramework.Backends.Iptables.Layout;

namespace ProxyFramework.Backends.Iptables.Programs;

/// <summary>How a program ended.</summary>
/// <param name="ExitCode">0 where it did what it was asked.</param>
/// <param name="Output">What it printed.</param>
/// <param name="Error">What it complained about.</param>
internal readonly record struct ProgramResult(int ExitCode, string Output, string Error);

/// <summary>The programs of one family and flavour.</summary>
internal sealed class Iptables(IPFamily family, string flavour, int waitSeconds)
{
    private static readonly string[] Folders = ["/usr/sbin", "/sbin", "/usr/local/sbin"];
    private static readonly string[] Flavours = ["nft", "legacy"];

    private readonly string _prefix = (family == IPFamily.IPv4 ? "iptables-" : "ip6tables-") + flavour;

    public string Flavour => flavour;

    private string Wait => waitSeconds.ToString(CultureInfo.InvariantCulture);

    /// <summary>The flavours whose programs are installed, the one that <c>iptables</c> stands for first.</summary>
    public static IReadOnlyList<string> Installed()
    {
        var installed = Flavours.Where(flavour => Find($"iptables-{flavour}-restore") is not null && Find($"ip6tables-{flavour}-restore") is not null);
        var isLegacy = Find("iptables") is { } iptables && Run(iptables, ["-V"], null, default).Output.Contains("legacy", StringComparison.Ordinal);
        return [.. isLegacy ? installed.Reverse() : installed];
    }

    /// <summary>The flavour in use on this node: the one with more rules, else the one that <c>iptables</c> stands for.</summary>
    public static string Detect() => Installed().OrderByDescending(flavour => Enum.GetValues<IPFamily>().Sum(family =>
        new Iptables(family, flavour, 1).Save().Split('\n').Count(static line => line.StartsWith("-A ", StringComparison.Ordinal)))).First();

    /// <summary>What is in the tables that there are.</summary>
    /// <exception cref="BackendException">The program failed.</exception>
    public string Save()
    {
        var result = Run($"{_prefix}-save", [], null, default);
        return result.ExitCode == 0 ? result.Output : throw new BackendException($"{_prefix}-save: {result.Error.Trim()}");
    }

    /// <summary>Feeds a change, one transaction a table.</summary>
    public ProgramResult Restore(string input, CancellationToken cancellationToken) =>
        Run($"{_prefix}-restore", ["--noflush", "-w", Wait], input, cancellationToken);

    /// <summary>Whether a rule is there.</summary>
    public bool Has(ChainId chain, string rule)
    {
        var matches = rule.Split('"') is [var before, var comment, var after]
            ? [.. before.Split(' ', StringSplitOptions.RemoveEmptyEntries), comment, .. after.Split(' ', StringSplitOptions.RemoveEmptyEntries)]
            : rule.Split(' ');
        return Run(_prefix, ["-w", Wait, "-t", TableName(chain.Table), "-C", chain.Name, .. matches], null, default).ExitCode == 0;
    }

    /// <summary>The name as the programs spell it.</summary>
    public static string TableName(RuleTable table) => table == RuleTable.Nat ? "nat" : "filter";

    private static string? Find(string program) => program.StartsWith('/')
        ? program
        : Folders.Concat((Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries))
            .Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);

    /// <summary>Runs a program, in the network namespace of the calling thread.</summary>
    private static ProgramResult Run(string program, IEnumerable<string> arguments, string? input, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var path = Find(program) ?? throw new BackendException($"{program} is not installed; install the package iptables");
        using var process = new Process
        {
            StartInfo = new(path, arguments)
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                StandardInputEncoding = new UTF8Encoding(false),
            },
        };
        process.StartInfo.Environment["LC_ALL"] = "C";
        process.Start();
        using var ending = cancellationToken.Register(static state => ((Process)state!).Kill(), process);
        var output = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
        var error = process.StandardError.ReadToEndAsync(CancellationToken.None);
        try
        {
            process.StandardInput.Write(input);
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It ended before it had read all; what it says tells why.
        }

        process.WaitForExit();
        Task.WaitAll([output, error], CancellationToken.None);
        cancellationToken.ThrowIfCancellationRequested();
        return new(process.ExitCode, output.Result, error.Result);
    }
}
