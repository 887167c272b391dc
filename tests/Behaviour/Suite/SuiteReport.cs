using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Xunit;

[assembly: AssemblyFixture(typeof(ProxyFramework.Behaviour.Suite.SuiteReport))]

namespace ProxyFramework.Behaviour.Suite;

/// <summary>
/// Prints, when the last scenario has ended, how the backend did and under which exceptions. With <c>SVCPROXY_REPORT</c> set, a
/// table of all scenarios is written to that file too (Markdown).
/// </summary>
public sealed class SuiteReport : IAsyncDisposable
{
    private static readonly ConcurrentDictionary<string, (string Result, Excepted? Exception)> Scenarios = new();

    public static void Record(string scenario, string result, Excepted? exception) => Scenarios[scenario] = (result, exception);

    public async ValueTask DisposeAsync()
    {
        if (Scenarios.IsEmpty)
        {
            return;
        }

        await Console.Out.WriteLineAsync(Summary());
        if (Environment.GetEnvironmentVariable("SVCPROXY_REPORT") is { Length: > 0 } path)
        {
            await File.WriteAllTextAsync(path, Table());
        }
    }

    private static string Summary()
    {
        var text = new StringBuilder();
        var held = Scenarios.Count(scenario => scenario.Value is { Exception: null, Result: "Passed" });
        var failed = Scenarios.Count(scenario => scenario.Value.Result != "Passed");
        var weaker = Scenarios.Where(scenario => scenario.Value.Exception?.Instead is not null).ToArray();
        var listed = Scenarios.Where(scenario => scenario.Value.Exception is { Instead: null }).ToArray();
        text.AppendLine().AppendLine($"Behaviour of mode {TestedBackend.Mode} {string.Join(' ', TestedBackend.Flags)}".TrimEnd());
        text.AppendLine(
            CultureInfo.InvariantCulture,
            $"{Scenarios.Count} scenarios: {held} hold as specified, {weaker.Length} in a weaker form, {listed.Length} cannot hold, {failed} failed");
        Append(text, "In a weaker form", weaker);
        Append(text, "Cannot hold", listed);
        return text.ToString();
    }

    private static void Append(StringBuilder text, string title, KeyValuePair<string, (string Result, Excepted? Exception)>[] scenarios)
    {
        foreach (var reason in scenarios.GroupBy(scenario => (scenario.Value.Exception!.Reason, scenario.Value.Exception.Instead)))
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"{title}: {reason.Key.Reason}");
            if (reason.Key.Instead is { } instead)
            {
                text.AppendLine(CultureInfo.InvariantCulture, $"  instead: {instead}");
            }

            foreach (var scenario in reason.OrderBy(scenario => scenario.Key, StringComparer.Ordinal))
            {
                text.AppendLine(CultureInfo.InvariantCulture, $"  - {scenario.Key}{(scenario.Value.Result == "Passed" ? "" : "  FAILED")}");
            }
        }
    }

    private static string Table()
    {
        var text = new StringBuilder("| scenario | result | exception |\n|---|---|---|\n");
        foreach (var (name, (result, exception)) in Scenarios.OrderBy(scenario => scenario.Key, StringComparer.Ordinal))
        {
            var note = exception is null ? "" : exception.Instead is null ? exception.Reason : $"{exception.Reason} Instead: {exception.Instead}";
            text.Append(CultureInfo.InvariantCulture, $"| {name} | {(exception is { Instead: null } ? "not run" : result)} | {note} |\n");
        }

        return text.ToString();
    }
}
