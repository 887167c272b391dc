using ProxyFramework.Core.Sources;

namespace ProxyFramework.Core.View;

/// <summary>
/// Remembers what is wrong now, so that each problem is reported when it comes up and not again at every recomputation or relist.
/// </summary>
internal sealed class ReportedProblems(Action<ObjectProblem>? report)
{
    private readonly Dictionary<Subject, ObjectProblem[]> _current = [];

    /// <summary>What a list of problems is about.</summary>
    public enum Aspect : byte
    {
        /// <summary>What a Service itself says.</summary>
        Service,

        /// <summary>What an EndpointSlice itself says.</summary>
        EndpointSlice,

        /// <summary>A Service's frontends that others have.</summary>
        Conflicts,
    }

    /// <summary>Everything that is wrong now.</summary>
    public IEnumerable<ObjectProblem> Current => _current.Values.SelectMany(problems => problems);

    /// <summary>Replaces what is known to be wrong with an object; reports what was not known.</summary>
    public void Set(Aspect aspect, NamespacedName name, List<ObjectProblem> problems)
    {
        var subject = new Subject(aspect, name);
        if (problems.Count == 0)
        {
            if (_current.Count > 0)
            {
                _current.Remove(subject);
            }

            return;
        }

        var known = _current.GetValueOrDefault(subject) ?? [];
        _current[subject] = [.. problems];
        foreach (var problem in problems)
        {
            if (!known.Contains(problem))
            {
                report?.Invoke(problem);
            }
        }
    }

    private readonly record struct Subject(Aspect Aspect, NamespacedName Name);
}
