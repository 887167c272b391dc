using Spectre.Console;

namespace ProxyFramework.Host.Commands;

/// <summary>
/// Writes a <see cref="PluginReport"/> for people: one row for everything that can be selected or was refused, and below it what is
/// missing, limited or wrong. On a terminal as a table that fits its width, otherwise as aligned text without colour.
/// </summary>
internal static class PluginTable
{
    private static readonly string[] Headings = ["NAME", "KIND", "VERSION", "CONTRACT", "THIS NODE", "ASSEMBLY"];

    /// <summary>Writes aligned text, for pipes and files.</summary>
    public static void WriteText(PluginReport report, TextWriter output)
    {
        var rows = Rows(report).ToList();
        var widths = Headings.Select((heading, column) => rows.Select(row => row.Cells[column].Length).Append(heading.Length).Max()).ToArray();
        WriteLine(Headings);
        foreach (var row in rows)
        {
            WriteLine(row.Cells);
            foreach (var remark in row.Remarks)
            {
                output.WriteLine($"    {remark}");
            }
        }

        foreach (var problem in Closing(report))
        {
            output.WriteLine(problem);
        }

        void WriteLine(string[] cells) =>
            output.WriteLine(string.Join("  ", cells.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd());
    }

    /// <summary>Writes a table, for terminals.</summary>
    public static void WriteTable(PluginReport report, IAnsiConsole console)
    {
        var table = new Table { Border = TableBorder.Rounded };
        foreach (var heading in Headings)
        {
            table.AddColumn(new TableColumn(heading));
        }

        foreach (var row in Rows(report))
        {
            var colour = row.Cells[4] switch { "supported" => "green", "refused" => "red", "not supported" => "yellow", _ => "default" };
            var cells = row.Cells.Select((cell, column) => column == 4 ? $"[{colour}]{Markup.Escape(cell)}[/]" : Markup.Escape(cell)).ToArray();
            cells[4] = string.Join('\n', row.Remarks.Select(remark => $"[grey]{Markup.Escape(remark)}[/]").Prepend(cells[4]));
            table.AddRow(cells);
        }

        console.Write(table);
        foreach (var problem in Closing(report))
        {
            console.WriteLine(problem);
        }
    }

    private static IEnumerable<(string[] Cells, IReadOnlyList<string> Remarks)> Rows(PluginReport report)
    {
        foreach (var plugin in report.Plugins)
        {
            // A problem is said once: with the first thing that the plugin brought, or with the plugin if it brought nothing.
            IReadOnlyList<string> problems = plugin.Problems;
            foreach (var backend in plugin.Backends)
            {
                string[] remarks = [.. backend.Missing.Select(text => $"missing: {text}"), .. backend.Limits.Select(text => $"limit: {text}"), .. problems];
                yield return (Row(plugin, backend.Name, "backend", backend.Supported ? "supported" : "not supported"), remarks);
                problems = [];
            }

            foreach (var scheduler in plugin.Schedulers)
            {
                yield return (Row(plugin, scheduler, "scheduler", "-"), problems);
                problems = [];
            }

            foreach (var check in plugin.HealthChecks)
            {
                yield return (Row(plugin, check, "health check", "-"), problems);
                problems = [];
            }

            if (!plugin.Loaded)
            {
                yield return (Row(plugin, plugin.Name, "plugin", "refused"), problems);
            }
        }
    }

    private static string[] Row(PluginReport.Plugin plugin, string name, string kind, string thisNode) =>
        [name, kind, plugin.Version ?? "?", plugin.Contract ?? "?", thisNode, plugin.Assembly];

    private static IEnumerable<string> Closing(PluginReport report)
    {
        foreach (var problem in report.Problems)
        {
            yield return problem;
        }

        if (report.Plugins.IsEmpty)
        {
            yield return "No plugins were found; add a folder with --plugins-dir.";
        }
    }
}
