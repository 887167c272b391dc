namespace ProxyFramework.Core.Sources.Manifests;

/// <summary>
/// What all files together say. A file is one unit: its objects are replaced whole. An object that several files hold is in force as
/// the one that was seen first has it, for as long as that one holds it. Pure; one thread at a time.
/// </summary>
internal sealed class ManifestObjects
{
    private readonly Dictionary<ObjectKey, Claim> _owners = [];
    private readonly Dictionary<ObjectKey, List<Claim>> _others = [];
    private readonly Dictionary<string, Dictionary<ObjectKey, ManifestPlace>> _files = [];

    /// <summary>The number of objects in force.</summary>
    public int Count => _owners.Count;

    /// <summary>Replaces what some files say.</summary>
    /// <param name="files">Files, each once, with all that they hold now; an empty list where one is gone.</param>
    /// <param name="report">Takes objects that are given twice.</param>
    /// <returns>The difference to what was in force: deletes, then upserts.</returns>
    public List<SourceEvent> Apply(
        IReadOnlyList<(string File, IReadOnlyList<ManifestObject> Objects)> files, Action<ObjectProblem> report)
    {
        var before = new Dictionary<ObjectKey, object?>();
        var claimed = new List<(ObjectKey Key, Claim Claim)>();
        var released = new List<(ObjectKey Key, string File)>();
        foreach (var (file, objects) in files)
        {
            var old = _files.GetValueOrDefault(file);
            var now = new Dictionary<ObjectKey, ManifestPlace>(objects.Count);
            foreach (var (value, place) in objects)
            {
                var key = ObjectKey.Of(value);
                if (!now.TryAdd(key, place))
                {
                    Report(report, place.In(file), key, $"is also in {now[key].In(file)}: that one is used");
                    continue;
                }

                var claim = new Claim(file, value, place);
                Remember(before, key);
                Take(key, claim);
                claimed.Add((key, claim));
            }

            foreach (var key in old?.Keys ?? Enumerable.Empty<ObjectKey>())
            {
                if (!now.ContainsKey(key))
                {
                    released.Add((key, file));
                }
            }

            if (now.Count > 0)
            {
                _files[file] = now;
            }
            else
            {
                _files.Remove(file);
            }
        }

        // After the claims, so that an object that moves from one file to another never goes away in between.
        foreach (var (key, file) in released)
        {
            Remember(before, key);
            Release(key, file);
        }

        ReportOthers(claimed, report);
        return Differences(before);
    }

    private static void Report(Action<ObjectProblem> report, string origin, ObjectKey key, string message) =>
        report(new ObjectProblem(origin, key.ToString(), "", message));

    private void Remember(Dictionary<ObjectKey, object?> before, ObjectKey key) =>
        before.TryAdd(key, _owners.TryGetValue(key, out var owner) ? owner.Value : null);

    private void Take(ObjectKey key, Claim claim)
    {
        if (!_owners.TryGetValue(key, out var owner) || owner.File == claim.File)
        {
            _owners[key] = claim;
            return;
        }

        if (!_others.TryGetValue(key, out var others))
        {
            _others[key] = others = [];
        }

        var index = others.FindIndex(other => other.File == claim.File);
        if (index < 0)
        {
            others.Add(claim);
        }
        else
        {
            others[index] = claim;
        }
    }

    private void Release(ObjectKey key, string file)
    {
        var others = _others.GetValueOrDefault(key);
        if (_owners[key].File != file)
        {
            others?.RemoveAll(other => other.File == file);
        }
        else if (others is [var next, ..])
        {
            _owners[key] = next;
            others.RemoveAt(0);
        }
        else
        {
            _owners.Remove(key);
        }

        if (others is [])
        {
            _others.Remove(key);
        }
    }

    private void ReportOthers(List<(ObjectKey Key, Claim Claim)> claimed, Action<ObjectProblem> report)
    {
        foreach (var (key, claim) in claimed)
        {
            var owner = _owners[key];
            if (owner.File != claim.File)
            {
                Report(report, claim.Place.In(claim.File), key, $"is also in {owner.Place.In(owner.File)}: that one is used");
            }
        }
    }

    private List<SourceEvent> Differences(Dictionary<ObjectKey, object?> before)
    {
        var events = new List<SourceEvent>();
        foreach (var (key, value) in before)
        {
            if (value is not null && !_owners.ContainsKey(key))
            {
                events.Add(key.Deleted);
            }
        }

        foreach (var (key, value) in before)
        {
            if (_owners.TryGetValue(key, out var owner) && !owner.Value.Equals(value))
            {
                events.Add(ObjectKey.Upserted(owner.Value));
            }
        }

        return events;
    }

    private readonly record struct Claim(string File, object Value, ManifestPlace Place);
}
