using k8s;
using k8s.Authentication;
using k8s.Exceptions;
using k8s.KubeConfigModels;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;
using YamlDotNet.Serialization;
using YamlDotNet.Serialization.NamingConventions;

namespace ProxyFramework.Sources.Kubernetes;

/// <summary>Where the API server is and who we are to it, as KubernetesClient wants to know it.</summary>
internal static class ClientConfiguration
{
    // The client's own reader of YAML looks at every type of the API first.
    private static readonly IDeserializer Reader =
        new DeserializerBuilder().WithNamingConvention(CamelCaseNamingConvention.Instance).IgnoreUnmatchedProperties().Build();

    /// <summary>Reads the kubeconfig, or the pod's service account.</summary>
    /// <exception cref="InvalidKubeconfigException">That cannot be done; the message says why, for the operator.</exception>
    public static KubernetesClientConfiguration Load(KubernetesSourceOptions options)
    {
        try
        {
            var configuration = options switch
            {
                { Kubeconfig: { } path } => FromFile(path, options.Master),
                { Master: { } master } => new KubernetesClientConfiguration { Host = master },
                _ => KubernetesClientConfiguration.InClusterConfig(),
            };
            configuration.UserAgent = $"svcproxy/{typeof(ClientConfiguration).Assembly.GetName().Version?.ToString(3)}";
            return configuration;
        }
        catch (Exception error) when (error is not InvalidKubeconfigException)
        {
            throw Unusable(options, error);
        }
    }

    /// <summary>What is said where the configuration is no good.</summary>
    public static InvalidKubeconfigException Unusable(KubernetesSourceOptions options, Exception error) => new(
        $"{(options.Kubeconfig is { } path ? $"--kubeconfig {path}" : "the service account of this pod")} cannot be used: {error.Message}", error);

    private static KubernetesClientConfiguration FromFile(string path, string? master)
    {
        var file = new FileInfo(path);
        var text = File.ReadAllText(path);
        var kubeconfig = Reader.Deserialize<K8SConfiguration?>(text) ?? throw new KubeConfigException("it is empty");
        kubeconfig.FileName = file.FullName;
        var context = kubeconfig.Contexts?.FirstOrDefault(one => one.Name == kubeconfig.CurrentContext);
        var user = kubeconfig.Users?.FirstOrDefault(one => one.Name == context?.ContextDetails?.User);

        // The client does not know tokenFile, which is what kubeadm's kubeconfig for kube-proxy has.
        var tokenFile = user is null ? null : TokenFileOf(text, user.Name);
        if (tokenFile is null)
        {
            return KubernetesClientConfiguration.BuildConfigFromConfigObject(kubeconfig, masterUrl: master);
        }

        tokenFile = Path.GetFullPath(tokenFile, file.DirectoryName!);
        if (!File.Exists(tokenFile))
        {
            throw new KubeConfigException($"the tokenFile {tokenFile} of user {user!.Name} does not exist");
        }

        user!.UserCredentials ??= new UserCredentials();
        user.UserCredentials.Token = "of tokenFile";
        var configuration = KubernetesClientConfiguration.BuildConfigFromConfigObject(kubeconfig, masterUrl: master);
        configuration.AccessToken = null;
        configuration.TokenProvider = new TokenFileAuth(tokenFile);
        return configuration;
    }

    private static string? TokenFileOf(string text, string userName)
    {
        var yaml = new YamlStream();
        yaml.Load(new MergingParser(new Parser(new StringReader(text))));
        if (yaml.Documents is not [{ RootNode: YamlMappingNode root }, ..] || Child(root, "users") is not YamlSequenceNode users)
        {
            return null;
        }

        var user = users.OfType<YamlMappingNode>().FirstOrDefault(one => Child(one, "name") is YamlScalarNode { Value: var name } && name == userName);
        return user is not null && Child(user, "user") is YamlMappingNode details && Child(details, "tokenFile") is YamlScalarNode { Value.Length: > 0 } file
            ? file.Value
            : null;
    }

    private static YamlNode? Child(YamlMappingNode node, string name) => node.Children.TryGetValue(new YamlScalarNode(name), out var child) ? child : null;
}
