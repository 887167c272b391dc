using System.Globalization;

namespace ProxyFramework.Core.Sources.Manifests;

/// <summary>Where in a file an object is.</summary>
/// <param name="Document">The document's number, 1 for the first.</param>
/// <param name="Line">The line that the document starts on, 1 for the first.</param>
/// <param name="Item">The object's index in the document's <c>items</c>; -1 where the document is the object.</param>
internal readonly record struct ManifestPlace(int Document, int Line, int Item = -1)
{
    /// <summary><c>web.yaml, document 2 (line 14)</c>.</summary>
    public string In(string file) => Item < 0
        ? string.Create(CultureInfo.InvariantCulture, $"{file}, document {Document} (line {Line})")
        : string.Create(CultureInfo.InvariantCulture, $"{file}, document {Document} (line {Line}), items[{Item}]");
}

/// <summary>An object and where it was read.</summary>
/// <param name="Value">A Service, an EndpointSlice or a Node.</param>
/// <param name="Place">Where in the file.</param>
internal readonly record struct ManifestObject(object Value, ManifestPlace Place);
