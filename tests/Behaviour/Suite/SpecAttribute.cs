using Xunit.v3;

namespace ProxyFramework.Behaviour.Suite;

/// <summary>Which section of the service semantics a scenario protects; as a trait, <c>-trait semantics=…</c> selects by it.</summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method, AllowMultiple = true)]
public sealed class SemanticsAttribute(string section) : Attribute, ITraitAttribute
{
    public string Section { get; } = section;

    public IReadOnlyCollection<KeyValuePair<string, string>> GetTraits() => [KeyValuePair.Create("semantics", Section)];
}

/// <summary>Which report of a known trap a scenario protects against; a number is one of kubernetes/kubernetes.</summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method, AllowMultiple = true)]
public sealed class TrapAttribute(string report) : Attribute, ITraitAttribute
{
    public string Report { get; } = report;

    public IReadOnlyCollection<KeyValuePair<string, string>> GetTraits() => [KeyValuePair.Create("trap", Report)];
}
