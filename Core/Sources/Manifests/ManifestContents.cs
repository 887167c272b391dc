namespace ProxyFramework.Core.Sources.Manifests;

/// <summary>What one reading of a file gave.</summary>
internal sealed class ManifestContents
{
    /// <summary>The objects, in the file's order.</summary>
    public List<ManifestObject> Objects { get; } = [];

    /// <summary>What was refused.</summary>
    public List<ObjectProblem> Problems { get; } = [];

    /// <summary>Kinds that are not used, as <c>apps/v1 Deployment</c>.</summary>
    public HashSet<string> OtherKinds { get; } = [];

    /// <summary>Whether a document could not be read, or an object was refused as a whole.</summary>
    public bool IsBroken { get; set; }

    /// <summary>Adds what a part of the file gave.</summary>
    public void Add(ManifestContents part)
    {
        Objects.AddRange(part.Objects);
        Problems.AddRange(part.Problems);
        OtherKinds.UnionWith(part.OtherKinds);
        IsBroken |= part.IsBroken;
    }
}
