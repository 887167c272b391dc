using System.Collections.Immutable;

namespace ProxyFramework.Core.Objects;

/// <summary>What the decoder made of one object of the Kubernetes API.</summary>
public readonly record struct DecodedObject
{
    /// <summary><c>apiVersion</c>; empty where it could not be read.</summary>
    public string ApiVersion { get; init; }

    /// <summary><c>kind</c>; empty where it could not be read.</summary>
    public string Kind { get; init; }

    /// <summary>Namespace and name, as far as they could be read.</summary>
    public NamespacedName Name { get; init; }

    /// <summary>
    /// A <see cref="Service"/>, an <see cref="EndpointSlice"/> or a <see cref="Node"/>; null where the object was refused, or is of
    /// another kind.
    /// </summary>
    public object? Value { get; init; }

    /// <summary>Whether the object is of a kind that the proxy does not use; that is no problem.</summary>
    public bool IsOtherKind { get; init; }

    /// <summary>The fields that were refused, and where <see cref="Value"/> is null, why.</summary>
    public ImmutableArray<FieldProblem> Problems { get; init; }

    /// <summary>Whether nothing of the object can be used.</summary>
    public bool IsRefused => Value is null && !IsOtherKind;

    /// <summary>Kind, namespace and name (<c>Service default/web</c>), as far as they could be read; empty where not even the kind could.</summary>
    public string Description
    {
        get
        {
            var name = string.IsNullOrEmpty(Name.Name) ? "" : Name.ToString();
            return string.IsNullOrEmpty(Kind) ? name : name.Length == 0 ? Kind : $"{Kind} {name}";
        }
    }
}
