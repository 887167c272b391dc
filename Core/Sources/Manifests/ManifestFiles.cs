using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using ProxyFramework.Core.Objects;

namespace ProxyFramework.Core.Sources.Manifests;

/// <summary>
/// Reads files and keeps, for each, the last good state: while a file has a document that cannot be read, what it said before stays
/// in force. Where nothing was good before, its good documents are. One thread at a time.
/// </summary>
internal sealed partial class ManifestFiles(ILogger logger)
{
    private readonly InternedStrings _strings = new();
    private readonly ManifestObjects _objects = new();
    private readonly Dictionary<string, FileState> _files = [];
    private readonly HashSet<string> _namedKinds = [];

    /// <summary>The files that were there when they were last read.</summary>
    public IReadOnlyCollection<string> Known => _files.Keys;

    /// <summary>The number of objects in force.</summary>
    public int ObjectCount => _objects.Count;

    /// <summary>Whether a file looks other than when it was last read: where it really is, its size and its time of change.</summary>
    public bool LooksChanged(string file, ManifestScan scan) =>
        !_files.TryGetValue(file, out var state) || state.Look != FileLook.At(scan.RealPath(file));

    /// <summary>Reads files again.</summary>
    /// <param name="files">Which, each once.</param>
    /// <param name="scan">Says where they really are.</param>
    /// <param name="report">Takes what is refused.</param>
    /// <returns>The difference to what was in force.</returns>
    public List<SourceEvent> Refresh(IReadOnlyList<string> files, ManifestScan scan, Action<ObjectProblem> report)
    {
        var readings = new Reading[files.Count];
        Parallel.For(
            0,
            files.Count,
            new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount },
            () => new ManifestDocumentReader(_strings),
            (index, _, reader) =>
            {
                readings[index] = Read(files[index], scan.RealPath(files[index]), reader);
                return reader;
            },
            _ => { });
        var changed = new List<(string File, IReadOnlyList<ManifestObject> Objects)>();
        foreach (var reading in readings)
        {
            if (Accept(reading, report) is { } objects)
            {
                changed.Add((reading.File, objects));
            }
        }

        return _objects.Apply(changed, report);
    }

    private Reading Read(string file, string real, ManifestDocumentReader reader)
    {
        var look = FileLook.At(real);
        try
        {
            if (Directory.Exists(file))
            {
                return new Reading(file, look);
            }

            var bytes = File.ReadAllBytes(file);
            var hash = SHA256.HashData(bytes);
            var isSame = _files.TryGetValue(file, out var state) && state.Error is null && hash.AsSpan().SequenceEqual(state.Hash);
            return new Reading(file, look)
            {
                Hash = hash,
                Contents = isSame ? null : ManifestReader.Read(file, bytes, _strings, reader),
            };
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return new Reading(file, look);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new Reading(file, look) { Error = e.Message };
        }
    }

    /// <summary>Takes note of a reading.</summary>
    /// <returns>What the file says from now on; null where that is what it said before.</returns>
    private List<ManifestObject>? Accept(Reading reading, Action<ObjectProblem> report)
    {
        _files.TryGetValue(reading.File, out var state);
        if (reading.IsGone)
        {
            _files.Remove(reading.File);
            return state is null ? null : [];
        }

        state ??= _files[reading.File] = new FileState();
        state.Look = reading.Look;
        if (reading.Error is { } error)
        {
            if (error != state.Error)
            {
                report(new ObjectProblem(reading.File, "", "", $"cannot be read: {error}"));
                LogKept(state, reading.File);
            }

            state.Error = error;
            state.IsSound = false;
            return null;
        }

        state.Error = null;
        if (reading.Contents is not { } contents)
        {
            return null;
        }

        state.Hash = reading.Hash!;
        contents.Problems.ForEach(report);
        NameKinds(contents, reading.File);
        var wasSound = state.IsSound ?? true;
        state.IsSound = !contents.IsBroken;
        if (contents.IsBroken && state.WasSound)
        {
            LogKept(state, reading.File);
            return null;
        }

        if (!contents.IsBroken && !wasSound)
        {
            Log.Mended(logger, reading.File);
        }

        state.WasSound |= !contents.IsBroken;
        return contents.Objects;
    }

    private void LogKept(FileState state, string file)
    {
        if (state.WasSound)
        {
            Log.Kept(logger, file);
        }
    }

    private void NameKinds(ManifestContents contents, string file)
    {
        foreach (var kind in contents.OtherKinds)
        {
            if (_namedKinds.Add(kind))
            {
                Log.OtherKind(logger, kind, file);
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "{File}: the last good state of this file stays in force")]
        public static partial void Kept(ILogger logger, string file);

        [LoggerMessage(3, LogLevel.Information, "{File} is sound again, and in force as it is now")]
        public static partial void Mended(ILogger logger, string file);

        [LoggerMessage(2, LogLevel.Information, "Objects of kind {Kind} (in {File}) are not used and passed over, here and elsewhere")]
        public static partial void OtherKind(ILogger logger, string kind, string file);
    }

    private sealed class FileState
    {
        public FileLook Look { get; set; }

        public byte[] Hash { get; set; } = [];

        public string? Error { get; set; }

        /// <summary>Whether it could be read without a broken document the last time; null before the first time.</summary>
        public bool? IsSound { get; set; }

        /// <summary>Whether it has once been read without a broken document.</summary>
        public bool WasSound { get; set; }
    }

    private sealed record Reading(string File, FileLook Look)
    {
        public byte[]? Hash { get; init; }

        public string? Error { get; init; }

        /// <summary>Null where the bytes are those of the last reading.</summary>
        public ManifestContents? Contents { get; init; }

        public bool IsGone => Hash is null && Error is null;
    }

    private readonly record struct FileLook(string Real, long Length, DateTime Changed)
    {
        public static FileLook At(string real)
        {
            var info = new FileInfo(real);
            return info.Exists ? new(real, info.Length, info.LastWriteTimeUtc) : new(real, -1, default);
        }
    }
}
