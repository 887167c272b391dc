using System.Globalization;

namespace ProxyFramework.Core.Objects;

/// <summary>Where a field is, as parts that become text only when there is a problem to report.</summary>
internal readonly struct FieldPath
{
    private readonly string _start;
    private readonly int _index;
    private readonly string _middle;
    private readonly int _innerIndex;
    private readonly string _rest;

    public FieldPath(string start, int index = -1, string middle = "", int innerIndex = -1, string rest = "")
    {
        (_start, _index, _middle, _innerIndex, _rest) = (start, index, middle, innerIndex, rest);
    }

    public static implicit operator FieldPath(string field) => new(field);

    public override string ToString()
    {
        var path = _index < 0 ? _start : string.Create(CultureInfo.InvariantCulture, $"{_start}[{_index}]{_middle}");
        return _innerIndex < 0 ? path : string.Create(CultureInfo.InvariantCulture, $"{path}[{_innerIndex}]{_rest}");
    }
}
