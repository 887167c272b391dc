using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using ProxyFramework.Core.Sources;
using Xunit;
using static ProxyFramework.Core.Tests.Sources.ManifestFolder;

namespace ProxyFramework.Core.Tests.Sources;

/// <summary>Real files, changed in every way that files are changed; nothing here depends on the slow look at 10 s.</summary>
public class ManifestSourceTests
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(5);

    [Fact]
    public async Task A_folder_is_read_but_not_its_subfolders_nor_editors_files()
    {
        await using var folder = new ManifestFolder();
        folder.Write("a.yaml", ServiceYaml("a"));
        folder.Write("b.yml", ServiceYaml("b"));
        folder.Write("c.json", """{"apiVersion":"v1","kind":"Node","metadata":{"name":"c"}}""");
        foreach (var other in new[] { "d.txt", ".e.yaml", "f.yaml~", "#g.yaml#", "#g.yaml", "~h.yaml", ".i.yaml.swp", "j.yaml.tmp", "4913", "k" })
        {
            folder.Write(other, ServiceYaml("other"));
        }

        Directory.CreateDirectory(folder.At("sub"));
        folder.Write("sub/l.yaml", ServiceYaml("l"));
        Directory.CreateDirectory(folder.At("dir.yaml"));
        await folder.StartAsync();
        Assert.Equal("Node c Service default/a Service default/b", folder.Sink.Names());
        Assert.Empty(folder.Sink.Problems);
    }

    [Fact]
    public async Task A_file_given_by_name_is_read_whatever_its_name()
    {
        await using var folder = new ManifestFolder();
        folder.Write(".manifest", ServiceYaml("a"));
        folder.Write("b.yaml", ServiceYaml("b"));
        await folder.StartAsync(folder.At(".manifest"), folder.At(".manifest"));
        Assert.Equal("Service default/a", folder.Sink.Names());
        folder.Write(".manifest", ServiceYaml("a", 81));
        await folder.PortAsync("a", 81);
    }

    [Fact]
    public void Paths_that_do_not_exist_are_all_named()
    {
        var e = Assert.Throws<InvalidManifestPathException>(
            () => new ManifestSource(["/nowhere/a.yaml", "/", "", "/nowhere/b"], TimeProvider.System, NullLogger<ManifestSource>.Instance));
        Assert.Equal(
            "manifests cannot be read: /nowhere/a.yaml: there is no such file or folder; an empty path was given; /nowhere/b: there is no such file or folder",
            e.Message);
    }

    [Fact]
    public async Task An_edit_in_place_takes_effect_within_a_fraction_of_a_second()
    {
        await using var folder = new ManifestFolder();
        folder.Write("a.yaml", ServiceYaml("a"));
        await folder.StartAsync();
        var watch = Stopwatch.StartNew();
        folder.Write("a.yaml", ServiceYaml("a", 81));
        await folder.PortAsync("a", 81);
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, Soon);
    }

    [Fact]
    public async Task An_atomic_rename_replaces_and_never_removes_in_between()
    {
        await using var folder = new ManifestFolder();
        folder.Write("a.yaml", ServiceYaml("a"));
        await folder.StartAsync();
        for (var port = 81; port < 90; port++)
        {
            folder.WriteAtomically("a.yaml", ServiceYaml("a", port));
            await folder.PortAsync("a", port);
        }

        Assert.DoesNotContain(folder.Sink.Batches().SelectMany(batch => batch), change => change is SourceEvent.ServiceDeleted);
        Assert.Empty(folder.Sink.Problems);
    }

    [Fact]
    public async Task A_file_that_is_removed_and_written_again_at_once_never_goes_away()
    {
        await using var folder = new ManifestFolder();
        folder.Write("a.yaml", ServiceYaml("a"));
        await folder.StartAsync();

        // As vim does: the old file becomes a backup, the new one is written, the backup goes.
        File.Move(folder.At("a.yaml"), folder.At("a.yaml~"));
        folder.Write("a.yaml", ServiceYaml("a", 81));
        File.Delete(folder.At("a.yaml~"));
        await folder.PortAsync("a", 81);
        Assert.DoesNotContain(folder.Sink.Batches().SelectMany(batch => batch), change => change is SourceEvent.ServiceDeleted);
    }

    [Fact]
    public async Task New_renamed_and_removed_files_take_effect()
    {
        await using var folder = new ManifestFolder();
        await folder.StartAsync();
        folder.Write("a.yaml", ServiceYaml("a"));
        await folder.ObjectsAsync("Service default/a");
        File.Move(folder.At("a.yaml"), folder.At("b.yaml"));
        folder.Write("c.yaml", ServiceYaml("c"));
        await folder.ObjectsAsync("Service default/a", "Service default/c");
        File.Delete(folder.At("c.yaml"));
        await folder.ObjectsAsync("Service default/a");
        File.Move(folder.At("b.yaml"), folder.At("b.yaml.off"));
        await folder.ObjectsAsync();
        File.Move(folder.At("b.yaml.off"), folder.At("b.yaml"));
        await folder.ObjectsAsync("Service default/a");
    }

    [Fact]
    public async Task A_swapped_symbolic_link_takes_effect_as_one_batch_as_in_ConfigMap_mounts()
    {
        await using var folder = new ManifestFolder();
        Mount(folder, "..2024_01", 80);
        File.CreateSymbolicLink(folder.At("..data"), "..2024_01");
        File.CreateSymbolicLink(folder.At("a.yaml"), "..data/a.yaml");
        File.CreateSymbolicLink(folder.At("b.yaml"), "..data/b.yaml");
        await folder.StartAsync();
        Assert.Equal("Service default/a Service default/b", folder.Sink.Names());
        for (var i = 1; i < 4; i++)
        {
            var batches = folder.Sink.Batches().Count;
            var watch = Stopwatch.StartNew();
            Mount(folder, $"..2024_0{i + 1}", 80 + i);
            File.CreateSymbolicLink(folder.At("..data_tmp"), $"..2024_0{i + 1}");
            await folder.RenameAsync("..data_tmp", "..data");
            Directory.Delete(folder.At($"..2024_0{i}"), recursive: true);
            await folder.PortAsync("a", 80 + i);
            await folder.PortAsync("b", 80 + i);
            Assert.InRange(watch.Elapsed, TimeSpan.Zero, Soon);
            Assert.Equal(batches + 1, folder.Sink.Batches().Count);
        }

        Assert.Empty(folder.Sink.Problems);
    }

    [Fact]
    public async Task A_folder_behind_a_swapped_symbolic_link_takes_effect()
    {
        await using var folder = new ManifestFolder();
        Mount(folder, "v1", 80);
        Mount(folder, "v2", 81);
        File.CreateSymbolicLink(folder.At("current"), "v1");
        await folder.StartAsync(folder.At("current"));
        await folder.PortAsync("a", 80);
        File.CreateSymbolicLink(folder.At("next"), "v2");
        await folder.RenameAsync("next", "current");
        await folder.PortAsync("a", 81);
        folder.Write("v2/a.yaml", ServiceYaml("a", 82));
        await folder.PortAsync("a", 82);
    }

    [Fact]
    public async Task A_change_of_the_file_that_a_link_leads_to_takes_effect()
    {
        await using var folder = new ManifestFolder();
        Mount(folder, "elsewhere", 80);
        Directory.CreateDirectory(folder.At("given"));
        File.CreateSymbolicLink(folder.At("given/a.yaml"), folder.At("elsewhere/a.yaml"));
        await folder.StartAsync(folder.At("given"));
        await folder.PortAsync("a", 80);
        folder.Write("elsewhere/a.yaml", ServiceYaml("a", 81));
        await folder.PortAsync("a", 81);
    }

    [Fact]
    public async Task A_folder_that_goes_away_and_comes_back_takes_effect()
    {
        await using var folder = new ManifestFolder();
        Mount(folder, "given", 80);
        await folder.StartAsync(folder.At("given"));
        Directory.Delete(folder.At("given"), recursive: true);
        await folder.ObjectsAsync();
        Mount(folder, "given", 81);
        await folder.PortAsync("a", 81);
        folder.Write("given/a.yaml", ServiceYaml("a", 82));
        await folder.PortAsync("a", 82);
    }

    [Fact]
    public async Task A_broken_document_keeps_the_last_good_state_of_its_file_and_of_no_other()
    {
        await using var folder = new ManifestFolder();
        folder.Write("a.yaml", ServiceYaml("a") + "---\n" + ServiceYaml("b"));
        folder.Write("c.yaml", ServiceYaml("c"));
        await folder.StartAsync();
        folder.Write("a.yaml", ServiceYaml("a", 81) + "---\nkind: [");
        folder.Write("c.yaml", ServiceYaml("c", 81));
        await folder.ProblemAsync("a.yaml, document 2 (line 8): line 10, column 1: ");
        await folder.PortAsync("c", 81);
        await folder.PortAsync("a", 80);
        await folder.ObjectsAsync("Service default/a", "Service default/b", "Service default/c");
        folder.Write("a.yaml", ServiceYaml("a", 82));
        await folder.PortAsync("a", 82);
        await folder.ObjectsAsync("Service default/a", "Service default/c");
    }

    [Fact]
    public async Task A_file_that_was_broken_is_named_once_when_it_is_sound_again()
    {
        await using var folder = new ManifestFolder();
        folder.Write("a.yaml", ServiceYaml("a"));
        var logger = new CollectingLogger();
        await folder.StartAsync(logger);
        folder.Write("a.yaml", "kind: [");
        await folder.ProblemAsync("a.yaml");
        folder.Write("a.yaml", ServiceYaml("a", 81));
        await folder.PortAsync("a", 81);
        folder.Write("a.yaml", ServiceYaml("a", 82));
        await folder.PortAsync("a", 82);
        Assert.Single(logger.Messages(), message => message == $"{folder.At("a.yaml")} is sound again, and in force as it is now");
    }

    [Fact]
    public async Task A_bad_field_is_reported_and_the_rest_of_the_file_takes_effect()
    {
        await using var folder = new ManifestFolder();
        folder.Write("a.yaml", ServiceYaml("a"));
        await folder.StartAsync();
        folder.Write("a.yaml", ServiceYaml("a", 81).Replace("10.96.0.1", "10.96.0.900", StringComparison.Ordinal));
        await folder.PortAsync("a", 81);
        Assert.Equal(
            $"{folder.At("a.yaml")}, document 1 (line 1): Service default/a: spec.clusterIP: '10.96.0.900' is not an IP address",
            folder.Sink.Problems.Single().ToString());
    }

    [Fact]
    public async Task Of_a_file_that_is_broken_from_the_start_the_good_documents_are_in_force()
    {
        await using var folder = new ManifestFolder();
        folder.Write("a.yaml", ServiceYaml("a") + "---\nkind: [\n---\n" + ServiceYaml("b"));
        await folder.StartAsync();
        Assert.Equal("Service default/a Service default/b", folder.Sink.Names());
        Assert.Single(folder.Sink.Problems);
    }

    [Fact]
    public async Task A_file_that_stays_empty_is_empty()
    {
        await using var folder = new ManifestFolder();
        folder.Write("a.yaml", ServiceYaml("a"));
        await folder.StartAsync();
        folder.Write("a.yaml", "");
        await folder.ObjectsAsync();
    }

    [Fact]
    public async Task A_writer_that_truncates_first_and_writes_in_pieces_does_not_remove_what_it_writes()
    {
        await using var folder = new ManifestFolder();
        var text = ServiceYaml("a") + "---\n" + ServiceYaml("b");
        folder.Write("a.yaml", text);
        await folder.StartAsync();
        await using (var file = new StreamWriter(folder.At("a.yaml")))
        {
            await file.FlushAsync();
            foreach (var line in text.Replace("port: 80", "port: 81", StringComparison.Ordinal).Split('\n'))
            {
                await file.WriteAsync(line + "\n");
                await file.FlushAsync();
            }
        }

        await folder.PortAsync("b", 81);
        Assert.DoesNotContain(folder.Sink.Batches().SelectMany(batch => batch), change => change is SourceEvent.ServiceDeleted);
    }

    [Fact]
    public async Task A_change_publishes_only_what_differs_and_in_one_batch()
    {
        await using var folder = new ManifestFolder();
        folder.Write("a.yaml", string.Join("---\n", Enumerable.Range(0, 50).Select(i => ServiceYaml($"s{i}"))));
        await folder.StartAsync();
        var batches = folder.Sink.Batches().Count;
        folder.Write("a.yaml", "# a comment\n" + string.Join("---\n", Enumerable.Range(1, 50).Select(i => ServiceYaml($"s{i}", i == 7 ? 81 : 80))));
        await folder.PortAsync("s50", 80);
        var batch = Assert.Single(folder.Sink.Batches().Skip(batches));
        Assert.Equal(["ServiceDeleted", "ServiceUpserted", "ServiceUpserted"], batch.Select(change => change.GetType().Name));
    }

    [Fact]
    public async Task Of_an_object_in_two_files_the_first_one_is_used_until_it_goes()
    {
        await using var folder = new ManifestFolder();
        folder.Write("a.yaml", ServiceYaml("x", 80));
        folder.Write("b.yaml", ServiceYaml("x", 81));
        await folder.StartAsync();
        await folder.PortAsync("x", 80);
        Assert.Equal(
            $"{folder.At("b.yaml")}, document 1 (line 1): Service default/x: is also in {folder.At("a.yaml")}, document 1 (line 1): that one is used",
            folder.Sink.Problems.Single().ToString());
        folder.Write("a.yaml", ServiceYaml("z"));
        await folder.PortAsync("x", 81);
        Assert.DoesNotContain(folder.Sink.Batches().SelectMany(batch => batch), change => change is SourceEvent.ServiceDeleted);
    }

    [Fact]
    public async Task An_object_twice_in_one_file_is_reported_and_the_first_is_used()
    {
        await using var folder = new ManifestFolder();
        folder.Write("a.yaml", ServiceYaml("x", 80) + "---\n" + ServiceYaml("x", 81));
        await folder.StartAsync();
        await folder.PortAsync("x", 80);
        await folder.ProblemAsync("a.yaml, document 2 (line 8): Service default/x: is also in");
    }

    [Fact]
    public async Task Other_kinds_are_named_once_in_the_log()
    {
        await using var folder = new ManifestFolder();
        folder.Write("a.yaml", "apiVersion: apps/v1\nkind: Deployment\n---\napiVersion: apps/v1\nkind: Deployment\n---\n" + ServiceYaml("a"));
        folder.Write("b.yaml", "apiVersion: apps/v1\nkind: Deployment\n");
        var logger = new CollectingLogger();
        await folder.StartAsync(logger);
        folder.Write("b.yaml", "apiVersion: apps/v1\nkind: Deployment\nspec: {}\n---\n" + ServiceYaml("b"));
        await folder.PortAsync("b", 80);
        Assert.Empty(folder.Sink.Problems);
        Assert.Single(logger.Messages(), message => message.Contains("apps/v1 Deployment", StringComparison.Ordinal));
    }

    private static void Mount(ManifestFolder folder, string name, int port)
    {
        Directory.CreateDirectory(folder.At(name));
        folder.Write($"{name}/a.yaml", ServiceYaml("a", port));
        folder.Write($"{name}/b.yaml", ServiceYaml("b", port));
    }

    private sealed class CollectingLogger : ILogger<ManifestSource>
    {
        private readonly List<string> _messages = [];

        public List<string> Messages()
        {
            lock (_messages)
            {
                return [.. _messages];
            }
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            lock (_messages)
            {
                _messages.Add(formatter(state, exception));
            }
        }
    }
}
