using System.Globalization;
using System.Text.Json.Nodes;

namespace ProxyFramework.Behaviour.Testbed;

/// <summary>Writes Services, EndpointSlices and Nodes as the API's JSON.</summary>
public static class Manifests
{
    /// <summary>A <c>List</c>, as <c>kubectl get -o json</c> writes it.</summary>
    public static string List(IEnumerable<JsonObject> items)
    {
        var list = new JsonObject { ["apiVersion"] = "v1", ["kind"] = "List", ["items"] = new JsonArray([.. items]) };
        return list.ToJsonString();
    }

    /// <summary>The Service, then its slices.</summary>
    public static IEnumerable<JsonObject> Of(ServiceSpec service)
    {
        ArgumentNullException.ThrowIfNull(service);
        yield return Service(service);
        foreach (var slice in Slices(service))
        {
            yield return slice;
        }
    }

    public static JsonObject Service(ServiceSpec service)
    {
        ArgumentNullException.ThrowIfNull(service);
        var spec = new JsonObject
        {
            ["type"] = service.Type,
            ["ipFamilies"] = Strings(service.IPFamilies.Select(family => family.ToString())),
            ["internalTrafficPolicy"] = service.InternalTrafficPolicy,
            ["ports"] = new JsonArray([.. service.Ports.Select(ServicePort)]),
            ["sessionAffinity"] = service.AffinityTimeoutSeconds is null ? "None" : "ClientIP",
        };
        if (service.AffinityTimeoutSeconds is { } timeout)
        {
            spec["sessionAffinityConfig"] = new JsonObject { ["clientIP"] = new JsonObject { ["timeoutSeconds"] = timeout } };
        }

        if (service.Type == "ExternalName")
        {
            spec["externalName"] = "example.org";
        }
        else if (service.IsHeadless)
        {
            spec["clusterIP"] = "None";
            spec["clusterIPs"] = Strings(["None"]);
        }
        else
        {
            spec["clusterIP"] = service.ClusterIPAddress(service.IPFamilies[0]).ToString();
            spec["clusterIPs"] = Strings(service.IPFamilies.Select(family => service.ClusterIPAddress(family).ToString()));
        }

        if (service.HasExternalIP)
        {
            spec["externalIPs"] = Strings(service.IPFamilies.Select(family => service.ExternalIPAddress(family).ToString()));
        }

        if (service.HasExternalIP || service.Type is "NodePort" or "LoadBalancer")
        {
            spec["externalTrafficPolicy"] = service.ExternalTrafficPolicy;
        }

        if (service.SourceRanges.Count > 0)
        {
            spec["loadBalancerSourceRanges"] = Strings(service.SourceRanges);
        }

        if (service.HealthCheckNodePort is { } port)
        {
            spec["healthCheckNodePort"] = port;
        }

        return new JsonObject
        {
            ["apiVersion"] = "v1",
            ["kind"] = "Service",
            ["metadata"] = Metadata(service.Name, service.Labels, service.Annotations),
            ["spec"] = spec,
            ["status"] = new JsonObject { ["loadBalancer"] = LoadBalancer(service) },
        };
    }

    public static IEnumerable<JsonObject> Slices(ServiceSpec service)
    {
        ArgumentNullException.ThrowIfNull(service);
        foreach (var family in service.IPFamilies)
        {
            var number = 0;
            var endpoints = service.EndpointList.Where(endpoint => endpoint.Address(family) is not null);
            foreach (var samePorts in endpoints.GroupBy(endpoint => endpoint.TargetPort))
            {
                foreach (var chunk in samePorts.Chunk(service.SliceSize))
                {
                    number++;
                    var name = string.Create(CultureInfo.InvariantCulture, $"{service.Name}-{family.ToString().ToLowerInvariant()}-{service.SliceSuffix}{number}");
                    yield return Slice(service, name, family, samePorts.Key, chunk);
                }
            }
        }
    }

    public static JsonObject Node(string name, string zone, IEnumerable<string> addresses, IEnumerable<string> podCidrs)
    {
        var cidrs = podCidrs.ToArray();
        return new JsonObject
        {
            ["apiVersion"] = "v1",
            ["kind"] = "Node",
            ["metadata"] = new JsonObject
            {
                ["name"] = name,
                ["labels"] = new JsonObject { ["kubernetes.io/hostname"] = name, ["topology.kubernetes.io/zone"] = zone },
            },
            ["spec"] = new JsonObject { ["podCIDR"] = cidrs[0], ["podCIDRs"] = Strings(cidrs) },
            ["status"] = new JsonObject
            {
                ["addresses"] = new JsonArray([.. addresses.Select(address => new JsonObject { ["type"] = "InternalIP", ["address"] = address })]),
            },
        };
    }

    public static JsonArray Strings(IEnumerable<string> values) => new([.. values.Select(value => (JsonNode)value)]);

    private static JsonObject Slice(ServiceSpec service, string name, Family family, int? targetPort, EndpointSpec[] endpoints)
    {
        var labels = new Dictionary<string, string>(service.SliceLabels) { ["kubernetes.io/service-name"] = service.Name };
        return new JsonObject
        {
            ["apiVersion"] = "discovery.k8s.io/v1",
            ["kind"] = "EndpointSlice",
            ["metadata"] = Metadata(name, labels, new Dictionary<string, string>()),
            ["addressType"] = family.ToString(),
            ["ports"] = new JsonArray([.. service.Ports.Select(port => SlicePort(port, targetPort))]),
            ["endpoints"] = new JsonArray([.. endpoints.Select(endpoint => Endpoint(endpoint, family))]),
        };
    }

    private static JsonObject Metadata(string name, IDictionary<string, string> labels, IDictionary<string, string> annotations) => new()
    {
        ["name"] = name,
        ["namespace"] = "default",
        ["labels"] = Map(labels),
        ["annotations"] = Map(annotations),
    };

    private static JsonObject Map(IDictionary<string, string> values) =>
        new(values.Select(pair => KeyValuePair.Create(pair.Key, (JsonNode?)pair.Value)));

    private static JsonObject ServicePort(PortSpec port)
    {
        var json = new JsonObject
        {
            ["name"] = port.Name,
            ["protocol"] = port.Protocol.ToString().ToUpperInvariant(),
            ["port"] = port.Port,
            ["targetPort"] = port.TargetPort,
        };
        if (port.NodePort != 0)
        {
            json["nodePort"] = port.NodePort;
        }

        return json;
    }

    private static JsonObject SlicePort(PortSpec port, int? targetPort)
    {
        var json = new JsonObject
        {
            ["name"] = port.Name,
            ["protocol"] = (port.SliceProtocol ?? port.Protocol).ToString().ToUpperInvariant(),
        };
        if (port.HasSliceNumber)
        {
            json["port"] = targetPort ?? port.TargetPort;
        }

        return json;
    }

    private static JsonObject Endpoint(EndpointSpec endpoint, Family family)
    {
        var conditions = new JsonObject();
        AddIfSet(conditions, "ready", endpoint.Ready);
        AddIfSet(conditions, "serving", endpoint.Serving);
        AddIfSet(conditions, "terminating", endpoint.Terminating);
        var json = new JsonObject
        {
            ["addresses"] = Strings([endpoint.Address(family)!.ToString()]),
            ["conditions"] = conditions,
            ["targetRef"] = new JsonObject { ["kind"] = "Pod", ["namespace"] = "default", ["name"] = endpoint.Name },
        };
        if (endpoint.Node is not null)
        {
            json["nodeName"] = endpoint.Node;
        }

        if (endpoint.ZoneHints.Count + endpoint.NodeHints.Count > 0)
        {
            json["hints"] = new JsonObject { ["forZones"] = Named(endpoint.ZoneHints), ["forNodes"] = Named(endpoint.NodeHints) };
        }

        return json;
    }

    private static JsonArray Named(IEnumerable<string> names) => new([.. names.Select(name => new JsonObject { ["name"] = name })]);

    private static void AddIfSet(JsonObject json, string name, bool? value)
    {
        if (value is { } set)
        {
            json[name] = set;
        }
    }

    private static JsonObject LoadBalancer(ServiceSpec service)
    {
        if (!service.HasLoadBalancerIP)
        {
            return [];
        }

        var ingress = service.IPFamilies.Select(family =>
        {
            var entry = new JsonObject { ["ip"] = service.LoadBalancerIPAddress(family).ToString() };
            if (service.LoadBalancerIPMode is { } mode)
            {
                entry["ipMode"] = mode;
            }

            return entry;
        });
        return new JsonObject { ["ingress"] = new JsonArray([.. ingress]) };
    }
}
