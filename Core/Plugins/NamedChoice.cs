namespace ProxyFramework.Core.Plugins;

/// <summary>Something chosen by name, with options: <c>NAME; OPTION=VALUE; OPTION</c>.</summary>
/// <param name="Name">The name.</param>
/// <param name="Options">The options, names in lower case; one without a value is <c>true</c>.</param>
internal sealed record NamedChoice(string Name, IReadOnlyDictionary<string, string> Options)
{
    /// <summary>Reads a choice.</summary>
    /// <exception cref="ArgumentException">An option is given twice.</exception>
    public static NamedChoice Parse(string text)
    {
        var parts = text.Split(';', StringSplitOptions.TrimEntries);
        var options = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var option in parts.AsSpan(1))
        {
            var equals = option.IndexOf('=', StringComparison.Ordinal);
            var (name, value) = equals < 0 ? (option, "true") : (option[..equals].TrimEnd(), option[(equals + 1)..].TrimStart());
            if (name.Length > 0 && !options.TryAdd(name.ToLowerInvariant(), value))
            {
                throw new ArgumentException($"the option '{name}' is given twice");
            }
        }

        return new NamedChoice(parts[0], options);
    }
}
