using System.Globalization;
using System.Text.Json.Nodes;

namespace ProxyFramework.ApiServerStandIn;

/// <summary>What the real server does to an object before it keeps it: defaults, a cluster IP, and refusing what cannot be.</summary>
internal sealed class Admission
{
    private int _nextClusterIP = 1;

    public void Admit(ResourceType type, JsonObject value)
    {
        if (value["metadata"] is not JsonObject metadata || string.IsNullOrEmpty((string?)metadata["name"]))
        {
            throw ApiErrorException.Invalid(type, "", "metadata.name", "Required value: name or generateName is required");
        }

        if (type == ResourceType.Services)
        {
            AdmitService((string)metadata["name"]!, value);
        }
        else if (type == ResourceType.EndpointSlices)
        {
            AdmitSlice((string)metadata["name"]!, value);
        }
    }

    private void AdmitService(string name, JsonObject value)
    {
        var spec = (value["spec"] ??= new JsonObject()).AsObject();
        spec["type"] ??= "ClusterIP";
        spec["sessionAffinity"] ??= "None";
        value["status"] ??= new JsonObject { ["loadBalancer"] = new JsonObject() };
        if ((string?)spec["type"] == "ExternalName")
        {
            return;
        }

        spec["internalTrafficPolicy"] ??= "Cluster";
        if ((string?)spec["clusterIP"] is null or "")
        {
            var number = Interlocked.Increment(ref _nextClusterIP);
            spec["clusterIP"] = string.Create(CultureInfo.InvariantCulture, $"10.111.{number / 250}.{1 + (number % 250)}");
        }

        spec["clusterIPs"] ??= new JsonArray(spec["clusterIP"]!.DeepClone());
        if (spec["ports"] is not JsonArray { Count: > 0 } ports)
        {
            throw ApiErrorException.Invalid(ResourceType.Services, name, "spec.ports", "Required value");
        }

        foreach (var port in ports.OfType<JsonObject>())
        {
            if (port["port"] is null || (int)port["port"]! is < 1 or > 65535)
            {
                throw ApiErrorException.Invalid(ResourceType.Services, name, "spec.ports[0].port", "Invalid value: must be between 1 and 65535, inclusive");
            }

            port["protocol"] ??= "TCP";
            port["targetPort"] ??= port["port"]!.DeepClone();
        }
    }

    private static void AdmitSlice(string name, JsonObject value)
    {
        if ((string?)value["addressType"] is not ("IPv4" or "IPv6" or "FQDN"))
        {
            throw ApiErrorException.Invalid(ResourceType.EndpointSlices, name, "addressType", "Required value");
        }

        value["endpoints"] ??= new JsonArray();
        foreach (var port in (value["ports"] as JsonArray ?? []).OfType<JsonObject>())
        {
            port["name"] ??= "";
            port["protocol"] ??= "TCP";
        }
    }
}
