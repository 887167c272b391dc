namespace ProxyFramework.Core.Sources;

/// <summary>Something in the input that was refused, with everything needed to find it.</summary>
/// <param name="Origin">Where the object comes from: a file and document (<c>web.yaml, document 2</c>), or a source's name.</param>
/// <param name="Object">Kind, namespace and name (<c>Service default/web</c>); empty where they could not be read.</param>
/// <param name="Field">The field's path (<c>spec.clusterIPs[1]</c>); empty where the problem is the whole object.</param>
/// <param name="Message">What is wrong with it and what was expected.</param>
public sealed record ObjectProblem(string Origin, string Object, string Field, string Message)
{
    /// <summary><c>origin: object: field: message</c>, empty parts left out.</summary>
    public override string ToString() =>
        string.Join(": ", new[] { Origin, Object, Field, Message }.Where(part => part.Length > 0));
}
