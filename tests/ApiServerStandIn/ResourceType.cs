namespace ProxyFramework.ApiServerStandIn;

/// <summary>A kind of objects that the server keeps.</summary>
public sealed record ResourceType(string Group, string Version, string Plural, string Kind, bool IsNamespaced, string[] ShortNames)
{
    public static readonly ResourceType Services = new("", "v1", "services", "Service", true, ["svc"]);
    public static readonly ResourceType Nodes = new("", "v1", "nodes", "Node", false, ["no"]);
    public static readonly ResourceType Namespaces = new("", "v1", "namespaces", "Namespace", false, ["ns"]);
    public static readonly ResourceType Events = new("", "v1", "events", "Event", true, ["ev"]);
    public static readonly ResourceType ConfigMaps = new("", "v1", "configmaps", "ConfigMap", true, ["cm"]);
    public static readonly ResourceType EndpointSlices = new("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", true, []);

    public static IReadOnlyList<ResourceType> All { get; } = [Services, Nodes, Namespaces, Events, ConfigMaps, EndpointSlices];

    public string ApiVersion => Group.Length == 0 ? Version : $"{Group}/{Version}";

    public static ResourceType? Find(string group, string version, string plural) =>
        All.FirstOrDefault(type => type.Group == group && type.Version == version && type.Plural == plural);
}
