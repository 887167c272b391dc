using System.Globalization;
using ProxyFramework.Backends.Iptables.Layout;

namespace ProxyFramework.Backends.Iptables.Programs;

/// <summary>The programs of one family and flavour.</summary>
internal sealed class Iptables(IPFamily family, string flavour, int waitSeconds)
{
    private static readonly string[] Folders = ["/usr/sbin", "/sbin", "/usr/local/sbin"];
    private static readonly string[] Flavours = ["nft", "legacy"];

    /// <summary>Chains that the kubelet makes in the mangle table, with whatever iptables is.</summary>
    private static readonly string[] KubeletChains = ["KUBE-IPTABLES-HINT", "KUBE-KUBELET-CANARY"];

    private readonly string _prefix = (family == IPFamily.IPv4 ? "iptables-" : "ip6tables-") + flavour;

    public string Flavour => flavour;

    private string Wait => waitSeconds.ToString(CultureInfo.InvariantCulture);

    /// <summary>The flavours whose programs are installed, the one that <c>iptables</c> stands for first.</summary>
    public static IReadOnlyList<string> Installed()
    {
        var installed = Flavours.Where(flavour => Find($"iptables-{flavour}-restore") is not null && Find($"ip6tables-{flavour}-restore") is not null);
        var isLegacy = Find("iptables") is { } iptables && Run(iptables, ["-V"]).Output.Contains("legacy", StringComparison.Ordinal);
        return [.. isLegacy ? installed.Reverse() : installed];
    }

    /// <summary>
    /// The flavour in use on this node: the one in which the kubelet has left its mark, else the one with more rules, else the one that
    /// <c>iptables</c> stands for.
    /// </summary>
    public static string Detect() => Installed().MaxBy(flavour =>
    {
        var lines = Enum.GetValues<IPFamily>().SelectMany(family => new Iptables(family, flavour, 1).Save().Split('\n')).ToList();
        return (lines.Any(static line => KubeletChains.Any(chain => line.StartsWith($":{chain} ", StringComparison.Ordinal))), lines.Count(static line => line.StartsWith("-A ", StringComparison.Ordinal)));
    })!;

    /// <summary>What is in the tables that there are.</summary>
    /// <exception cref="BackendException">The program failed.</exception>
    public string Save()
    {
        var result = Run($"{_prefix}-save", []);
        return result.ExitCode == 0 ? result.Output : throw new BackendException($"{_prefix}-save: {result.Error.Trim()}");
    }

    /// <summary>Starts to feed a change, one transaction a table.</summary>
    public RunningProgram BeginRestore(CancellationToken cancellationToken) =>
        Start($"{_prefix}-restore", ["--noflush", "-w", Wait], cancellationToken);

    /// <summary>Feeds a change, one transaction a table.</summary>
    public ProgramResult Restore(string input, CancellationToken cancellationToken)
    {
        using var running = BeginRestore(cancellationToken);
        running.Write(input);
        return running.Finish();
    }

    /// <summary>Whether the program and the kernel know what a rule consists of: it is put into a chain that nothing leads to, and taken away.</summary>
    public bool Accepts(string rule)
    {
        var isAccepted = Restore($"*nat\n:{ChainNames.Trial} - [0:0]\n-A {ChainNames.Trial} {rule}\nCOMMIT\n", default).ExitCode == 0;
        if (isAccepted)
        {
            Restore($"*nat\n:{ChainNames.Trial} - [0:0]\n-X {ChainNames.Trial}\nCOMMIT\n", default);
        }

        return isAccepted;
    }

    /// <summary>The name as the programs spell it.</summary>
    public static string TableName(RuleTable table) => table.ToString().ToLowerInvariant();

    private static string? Find(string program) => program.StartsWith('/')
        ? program
        : Folders.Concat((Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries))
            .Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);

    private static ProgramResult Run(string program, IEnumerable<string> arguments)
    {
        using var running = Start(program, arguments, CancellationToken.None);
        return running.Finish();
    }

    private static RunningProgram Start(string program, IEnumerable<string> arguments, CancellationToken cancellationToken) =>
        new(Find(program) ?? throw new BackendException($"{program} is not installed; install the package iptables"), arguments, cancellationToken);
}
