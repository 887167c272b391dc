namespace ProxyFramework.Behaviour.Suite;

/// <summary>A scenario that a backend cannot hold as specified.</summary>
/// <param name="Backend">The backend's name (<c>--mode</c>).</param>
/// <param name="Scenario"><c>Class.Method</c>; a star stands for any text.</param>
/// <param name="Reason">Why, in a sentence that an operator understands.</param>
/// <param name="Instead">
/// What it does instead: the scenario then runs with the weaker expectation that it has for such backends. Null where nothing can
/// be checked; the scenario is then only listed.
/// </param>
public sealed record Excepted(string Backend, string Scenario, string Reason, string? Instead = null)
{
    public bool Covers(string backend, string scenario)
    {
        ArgumentNullException.ThrowIfNull(scenario);
        if (backend != Backend)
        {
            return false;
        }

        var position = 0;
        var parts = Scenario.Split('*');
        for (var i = 0; i < parts.Length; i++)
        {
            var found = scenario.IndexOf(parts[i], position, StringComparison.Ordinal);
            if (found < 0 || (i == 0 && found != 0))
            {
                return false;
            }

            position = found + parts[i].Length;
        }

        return parts[^1].Length == 0 || scenario.EndsWith(parts[^1], StringComparison.Ordinal);
    }
}
