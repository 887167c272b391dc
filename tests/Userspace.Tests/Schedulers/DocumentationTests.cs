using System.Runtime.CompilerServices;
using Xunit;
using static ProxyFramework.Userspace.Tests.Schedulers.Fixtures;

namespace ProxyFramework.Userspace.Tests.Schedulers;

/// <summary>docs/schedulers.md says what is.</summary>
public sealed class DocumentationTests
{
    private static readonly string[] Page = File.ReadAllLines(Path.Combine(Path.GetDirectoryName(ThisFile())!, "../../../docs/schedulers.md"));

    [Fact]
    public void The_page_lists_every_scheduler_and_no_other() =>
        Assert.Equal(Every.Select(scheduler => scheduler.Name), Rows("What there is").Select(cells => cells[0]).Order(StringComparer.Ordinal));

    [Fact]
    public void The_page_says_of_each_mode_what_it_does()
    {
        var rows = Rows("What each mode can do").ToList();
        Assert.Equal(Every.Select(scheduler => scheduler.Name), rows.Select(cells => cells[0].Split(';')[0]).Distinct().Order(StringComparer.Ordinal));
        Assert.All(rows, cells =>
        {
            var choice = cells[0].Split("; ");
            var scheduler = Named(choice[0], choice[1..]);
            string[] expected = ["yes", scheduler is ISlotScheduler ? "slots" : "default", scheduler is IKernelScheduler ? "kernel" : "default"];
            Assert.Equal(expected, cells[1..]);
        });
    }

    private static IEnumerable<string[]> Rows(string heading) => Page
        .SkipWhile(line => line != $"## {heading}")
        .SkipWhile(line => !line.StartsWith("|---", StringComparison.Ordinal))
        .Skip(1)
        .TakeWhile(line => line.StartsWith('|'))
        .Select(line => line.Trim('|').Split('|').Select(cell => cell.Trim().Trim('`')).ToArray());

    private static string ThisFile([CallerFilePath] string path = "") => path;
}
