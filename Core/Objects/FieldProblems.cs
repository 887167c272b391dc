using System.Collections.Immutable;
using System.Globalization;

namespace ProxyFramework.Core.Objects;

/// <summary>Collects what is wrong with the object that is being decoded.</summary>
internal sealed class FieldProblems
{
    /// <summary>An object with a thousand bad endpoints is reported in a bounded number of lines.</summary>
    private const int MaxReported = 20;

    private readonly List<FieldProblem> _problems = [];
    private int _unreported;

    /// <summary>Whether one of the problems leaves nothing of the object to be used.</summary>
    public bool IsRefused { get; private set; }

    public void Clear()
    {
        _problems.Clear();
        _unreported = 0;
        IsRefused = false;
    }

    /// <summary>A field, or an element of a list, is left out.</summary>
    public void Add(in FieldPath field, string message)
    {
        if (_problems.Count < MaxReported)
        {
            _problems.Add(new FieldProblem(field.ToString(), message));
        }
        else
        {
            _unreported++;
        }
    }

    /// <summary>The object cannot be used.</summary>
    public void Refuse(in FieldPath field, string message)
    {
        // What refuses the object must be among the problems that are reported.
        if (_problems.Count >= MaxReported && !IsRefused)
        {
            _problems.RemoveAt(MaxReported - 1);
            _unreported++;
        }

        IsRefused = true;
        Add(field, message);
    }

    public ImmutableArray<FieldProblem> ToImmutable()
    {
        if (_unreported > 0)
        {
            _problems.Add(new FieldProblem("", string.Create(CultureInfo.InvariantCulture, $"and {_unreported} more problems")));
        }

        return _problems.Count == 0 ? [] : [.. _problems];
    }
}
