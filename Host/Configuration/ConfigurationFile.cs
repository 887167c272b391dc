using System.CommandLine;
using System.Globalization;
using ProxyFramework.Host.CommandLine;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace ProxyFramework.Host.Configuration;

/// <summary>
/// A file with a KubeProxyConfiguration, read as strictly as kube-proxy does: unknown fields, fields given twice and values of the wrong type are
/// errors. All of them are named at once, with line and column. What is left are flags that mean the same, so that both are checked alike.
/// </summary>
internal sealed class ConfigurationFile
{
    private const string ApiVersion = "kubeproxy.config.k8s.io/v1alpha1";
    private const string Kind = "KubeProxyConfiguration";

    private static readonly HashSet<string> Sections =
        [.. ConfigurationFields.All.Keys.Where(path => path.Contains('.', StringComparison.Ordinal)).Select(path => path.Split('.')[0])];

    private readonly string _path;
    private readonly List<string> _problems = [];
    private readonly List<string> _notes = [];
    private readonly List<string> _arguments = [];
    private string? _mode;

    private ConfigurationFile(string path) => _path = path;

    /// <summary>What is wrong with it; nothing of it is to be used where there is anything.</summary>
    public IReadOnlyList<string> Problems => _problems;

    /// <summary>Values that make no difference here, for the log.</summary>
    public IReadOnlyList<string> Notes => _notes;

    /// <summary>The flags that mean the same.</summary>
    public IReadOnlyList<string> Arguments => _arguments;

    /// <summary>Reads a file.</summary>
    public static ConfigurationFile Read(string path)
    {
        var file = new ConfigurationFile(path);
        try
        {
            file.ReadText(File.ReadAllText(path));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            file._problems.Add($"--config: {error.Message}");
        }

        return file;
    }

    private void ReadText(string text)
    {
        var yaml = new YamlStream();
        try
        {
            yaml.Load(new StringReader(text));
        }
        catch (YamlException error)
        {
            Refuse(error.Start, $"is not YAML: {error.Message}");
            return;
        }

        if (yaml.Documents is not [{ RootNode: YamlMappingNode root }])
        {
            _problems.Add($"{_path}: expected one document with a {Kind}");
            return;
        }

        RequireType(root, "apiVersion", ApiVersion);
        RequireType(root, "kind", Kind);
        _mode = root.Children.TryGetValue(new YamlScalarNode("mode"), out var mode) && mode is YamlScalarNode { Value: { } name } ? name : "";
        ReadObject(root, "");

        // In kube-proxy no kubeconfig is the pod's service account.
        if (!_arguments.Exists(argument => argument.StartsWith("--kubeconfig=", StringComparison.Ordinal)))
        {
            _arguments.Add("--kubeconfig=in-cluster");
        }
    }

    private void RequireType(YamlMappingNode root, string field, string expected)
    {
        if (!root.Children.TryGetValue(new YamlScalarNode(field), out var value))
        {
            Refuse(root.Start, $"{field} is missing: it is {expected}");
        }
        else if (value is not YamlScalarNode { Value: var text } || text != expected)
        {
            Refuse(value.Start, $"{field}: expected {expected}");
        }
    }

    private void ReadObject(YamlMappingNode node, string parent)
    {
        foreach (var (key, value) in node.Children)
        {
            var name = (key as YamlScalarNode)?.Value ?? "";
            var path = parent.Length == 0 ? name : $"{parent}.{name}";
            if (path is "apiVersion" or "kind")
            {
                continue;
            }

            if (ConfigurationFields.All.TryGetValue(path, out var field))
            {
                ReadField(path, field, value);
            }
            else if (parent.Length == 0 && Sections.Contains(name))
            {
                if (value is YamlMappingNode section)
                {
                    ReadObject(section, name);
                }
                else if (!IsNull(value))
                {
                    Refuse(value.Start, $"{name}: expected an object");
                }
            }
            else
            {
                Refuse(key.Start, $"{path} is not a field of {Kind}");
            }
        }
    }

    private void ReadField(string path, ConfigurationField field, YamlNode node)
    {
        if (IsNull(node) || !TryText(path, field.Kind, node, out var text))
        {
            return;
        }

        var isEmpty = text is "" or "0" or "false" or "0s" && !(field.ZeroCounts && text.Length > 0);
        if (isEmpty || field.Defaults.Contains(text) || (field.Mode is { } mode && mode != _mode))
        {
            return;
        }

        if (field.Flag is { } flag)
        {
            Give(path, flag, text, node.Start);
        }
        else if (field.Note is { } why)
        {
            _notes.Add($"{Place(node.Start)}: {path} makes no difference here: {why}");
        }
        else if (field.Refusal is { } advice)
        {
            Refuse(node.Start, $"{path} cannot be honoured: {advice}");
        }
    }

    // The value is judged as the flag's, but the message has to lead to the file.
    private void Give(string path, string flag, string text, Mark place)
    {
        var argument = $"{flag}={text}";
        var command = new RootCommand();
        new RunFlags().AddTo(command);
        var errors = command.Parse([argument]).Errors;
        foreach (var error in errors)
        {
            Refuse(place, $"{path}: {error.Message}");
        }

        if (errors.Count == 0)
        {
            _arguments.Add(argument);
        }
    }

    private bool TryText(string path, FieldKind kind, YamlNode node, out string text)
    {
        text = "";
        switch (kind)
        {
            case FieldKind.Anything:
                text = node is YamlScalarNode or YamlMappingNode { Children.Count: 0 } or YamlSequenceNode { Children.Count: 0 } ? "" : "given";
                return true;
            case FieldKind.List when node is YamlSequenceNode list && list.Children.All(child => child is YamlScalarNode):
                text = string.Join(',', list.Children.Cast<YamlScalarNode>().Select(child => child.Value));
                return true;
            case FieldKind.List:
                Refuse(node.Start, $"{path}: expected a list of strings");
                return false;
            default:
                break;
        }

        if (node is not YamlScalarNode { Value: { } value } scalar)
        {
            Refuse(node.Start, $"{path}: expected {Name(kind)}");
            return false;
        }

        text = value;
        var isPlain = scalar.Style == ScalarStyle.Plain;
        var isSound = kind switch
        {
            FieldKind.Switch => isPlain && value is "true" or "false",
            FieldKind.Number => isPlain && double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out _),
            FieldKind.Duration => GoDuration.TryParse(value, out _),
            _ => true,
        };
        if (!isSound)
        {
            Refuse(node.Start, $"{path}: '{value}' is not {Name(kind)}");
        }

        return isSound;
    }

    private static string Name(FieldKind kind) => kind switch
    {
        FieldKind.Switch => "true or false",
        FieldKind.Number => "a number",
        FieldKind.Duration => GoDuration.Expected,
        FieldKind.Text => "a string",
        _ => "a list",
    };

    private static bool IsNull(YamlNode node) => node is YamlScalarNode { Style: ScalarStyle.Plain, Value: null or "" or "null" or "~" or "Null" or "NULL" };

    private void Refuse(Mark place, string message) => _problems.Add($"{Place(place)}: {message}");

    private string Place(Mark place) => string.Create(CultureInfo.InvariantCulture, $"{_path}:{place.Line}:{place.Column}");
}
