namespace ProxyFramework.Core.Objects;

/// <summary>A field of an object that was refused.</summary>
/// <param name="Field">The field's path (<c>spec.clusterIPs[1]</c>); empty where the problem is the whole object.</param>
/// <param name="Message">What is wrong with it and what was expected.</param>
public readonly record struct FieldProblem(string Field, string Message);
