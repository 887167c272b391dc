using CsCheck;
using ProxyFramework.Core.Objects;
using ProxyFramework.Core.Sources;
using ProxyFramework.Core.Sources.Manifests;
using Xunit;

namespace ProxyFramework.Core.Tests.Sources;

public class ManifestObjectsTests
{
    private static readonly Gen<object> Value = Gen.Select(Gen.Int[0, 2], Gen.Int[0, 4], Gen.Int[1, 3], Make);

    /// <summary>One step: some of four files, each with what it holds from now on.</summary>
    private static readonly Gen<(int File, object[] Values)[]> Step =
        Gen.Select(Gen.Int[0, 3], Value.Array[0, 6]).Array[1, 3].Select(changes => changes.DistinctBy(change => change.Item1).ToArray());

    [Fact]
    public void Published_events_replayed_equal_the_contents_of_the_files() => Step.Array[1, 12].Sample(
        steps =>
        {
            var objects = new ManifestObjects();
            var sink = new CollectingSink();
            var files = new Dictionary<string, Dictionary<ObjectKey, object>>();
            foreach (var step in steps)
            {
                var changes = step.Select(change => ($"{change.File}", (IReadOnlyList<ManifestObject>)change.Values.Select(value => new ManifestObject(value, default)).ToList()));
                var before = sink.Objects();
                var events = objects.Apply(changes.ToList(), _ => { });
                sink.PublishAsync(events, default).AsTask().GetAwaiter().GetResult();
                foreach (var (file, values) in step)
                {
                    files[$"{file}"] = values.GroupBy(ObjectKey.Of).ToDictionary(group => group.Key, group => group.First());
                }

                var after = sink.Objects();
                Assert.Equal(events.Count, before.Keys.Union(after.Keys).Count(key => !Equals(before.GetValueOrDefault(key), after.GetValueOrDefault(key))));
                CheckAgainst(files, after);
            }
        },
        iter: 2000);

    [Fact]
    public void Files_that_drop_everything_leave_nothing_behind() => Step.Array[1, 12].Sample(
        steps =>
        {
            var objects = new ManifestObjects();
            foreach (var step in steps)
            {
                objects.Apply(step.Select(change => ($"{change.File}", (IReadOnlyList<ManifestObject>)change.Values.Select(value => new ManifestObject(value, default)).ToList())).ToList(), _ => { });
            }

            objects.Apply(Enumerable.Range(0, 4).Select(file => ($"{file}", (IReadOnlyList<ManifestObject>)[])).ToList(), _ => { });
            Assert.Equal(0, objects.Count);
        },
        iter: 500);

    [Fact]
    public void An_object_that_moves_to_another_file_does_not_go_away_in_between()
    {
        var objects = new ManifestObjects();
        IReadOnlyList<ManifestObject> held = [new ManifestObject(Make(0, 1, 1), default)];
        Assert.Single(objects.Apply([("a", held)], _ => { }));
        var problems = new List<ObjectProblem>();
        Assert.Empty(objects.Apply([("a", []), ("b", held)], problems.Add));
        Assert.Empty(problems);
    }

    // What is in force is what a file holds, for each object that any file holds.
    private static void CheckAgainst(Dictionary<string, Dictionary<ObjectKey, object>> files, Dictionary<string, object> inForce)
    {
        var held = files.Values.SelectMany(file => file).ToLookup(pair => pair.Key.ToString(), pair => pair.Value);
        Assert.Equal(held.Select(group => group.Key).Order(StringComparer.Ordinal), inForce.Keys.Order(StringComparer.Ordinal));
        Assert.All(inForce, pair => Assert.Contains(pair.Value, held[pair.Key]));
    }

    private static object Make(int kind, int name, int variant) => kind switch
    {
        0 => new Service { Name = new("default", $"n{name}"), Ports = [new("", TransportProtocol.Tcp, (ushort)variant, 0)] },
        1 => new EndpointSlice { Name = new("default", $"n{name}"), ServiceName = $"{variant}", AddressType = IPFamily.IPv4 },
        _ => new Node { Name = $"n{name}", Zone = $"{variant}" },
    };
}
