using System.Text.Json;

namespace ProxyFramework.Core.Objects;

/// <summary>Decodes a Service. One instance is used for one object after another.</summary>
internal sealed class ServiceDecoder(ObjectMetadata metadata, InternedStrings strings, FieldProblems problems)
{
    private const int DefaultAffinityTimeout = 10_800;
    private const int MaxAffinityTimeout = 86_400;
    private const string Headless = "None";

    private readonly ServicePortsDecoder _ports = new(strings, problems);
    private readonly List<InetAddress> _clusterIPs = [];
    private readonly List<InetAddress> _externalIPs = [];
    private readonly List<InetAddress> _loadBalancerIPs = [];
    private readonly List<InetPrefix> _sourceRanges = [];
    private InetAddress? _clusterIP;
    private bool _isHeadless;
    private bool _hasUnreadableRange;
    private bool _hasAffinity;
    private int _affinityTimeout;
    private ServiceType _type;
    private TrafficPolicy _internalPolicy;
    private TrafficPolicy _externalPolicy;
    private ushort _healthCheckNodePort;

    /// <summary>The Service on whose first token the reader stands; null where it was refused.</summary>
    public Service? Decode(ref Utf8JsonReader reader)
    {
        Clear();
        while (reader.ReadField())
        {
            if (reader.ValueTextEquals("metadata"u8))
            {
                metadata.Decode(ref reader);
            }
            else if (reader.ValueTextEquals("spec"u8))
            {
                DecodeSpec(ref reader);
            }
            else if (reader.ValueTextEquals("status"u8))
            {
                DecodeStatus(ref reader);
            }
            else
            {
                reader.Skip();
            }
        }

        metadata.RequireName();
        RequirePorts();
        CloseUnreadableRanges();
        return problems.IsRefused ? null : ToService();
    }

    private void Clear()
    {
        _ports.Clear();
        _clusterIPs.Clear();
        _externalIPs.Clear();
        _loadBalancerIPs.Clear();
        _sourceRanges.Clear();
        (_clusterIP, _isHeadless, _hasUnreadableRange, _hasAffinity) = (null, false, false, false);
        (_affinityTimeout, _healthCheckNodePort, _type) = (DefaultAffinityTimeout, 0, ServiceType.ClusterIP);
        (_internalPolicy, _externalPolicy) = (TrafficPolicy.Cluster, TrafficPolicy.Cluster);
    }

    private Service ToService() => new()
    {
        Name = metadata.NamespacedName,
        CreationTimestamp = metadata.CreationTimestamp ?? DateTimeOffset.MinValue,
        ProxyName = metadata.ServiceProxyName,
        Type = _type,
        ClusterIPs = _isHeadless ? [] : _clusterIPs.Count == 0 && _clusterIP is { } only ? [only] : [.. _clusterIPs],
        ExternalIPs = [.. _externalIPs],
        LoadBalancerIPs = [.. _loadBalancerIPs],
        LoadBalancerSourceRanges = [.. _sourceRanges],
        Ports = _ports.ToImmutable(),
        InternalTrafficPolicy = _internalPolicy,
        ExternalTrafficPolicy = _externalPolicy,
        AffinityTimeoutSeconds = _hasAffinity ? _affinityTimeout : 0,
        HealthCheckNodePort = _healthCheckNodePort,
        Annotations = metadata.Annotations(),
    };

    private void RequirePorts()
    {
        // As the API requires it. Ports that were refused one by one have been reported and are no reason to refuse the rest.
        if (!_ports.AnyGiven && !_isHeadless && _type != ServiceType.ExternalName && !problems.IsRefused)
        {
            problems.Refuse("spec.ports", "is missing: a Service that is neither headless nor an ExternalName has at least one port");
        }
    }

    private void CloseUnreadableRanges()
    {
        // No ranges mean that all sources are let in: what was meant as a limit must not become an opening.
        if (_hasUnreadableRange && _sourceRanges.Count == 0 && _loadBalancerIPs.Count > 0)
        {
            _loadBalancerIPs.Clear();
            problems.Add("spec.loadBalancerSourceRanges", "none of the ranges could be read, so the load balancer IPs are left out");
        }
    }

    private void DecodeSpec(ref Utf8JsonReader reader)
    {
        if (!reader.EnterObject("spec", problems))
        {
            return;
        }

        while (reader.ReadField())
        {
            if (reader.ValueTextEquals("ports"u8))
            {
                _ports.Decode(ref reader);
            }
            else if (reader.ValueTextEquals("clusterIP"u8))
            {
                _clusterIP = DecodeClusterIP(ref reader, "spec.clusterIP");
            }
            else if (reader.ValueTextEquals("clusterIPs"u8))
            {
                DecodeClusterIPs(ref reader);
            }
            else if (reader.ValueTextEquals("externalIPs"u8))
            {
                DecodeExternalIPs(ref reader);
            }
            else if (reader.ValueTextEquals("type"u8))
            {
                _type = DecodeType(ref reader);
            }
            else if (reader.ValueTextEquals("internalTrafficPolicy"u8))
            {
                _internalPolicy = DecodePolicy(ref reader, "spec.internalTrafficPolicy");
            }
            else if (reader.ValueTextEquals("externalTrafficPolicy"u8))
            {
                _externalPolicy = DecodePolicy(ref reader, "spec.externalTrafficPolicy");
            }
            else if (reader.ValueTextEquals("sessionAffinity"u8))
            {
                DecodeAffinity(ref reader);
            }
            else if (reader.ValueTextEquals("sessionAffinityConfig"u8))
            {
                DecodeAffinityConfig(ref reader);
            }
            else if (reader.ValueTextEquals("loadBalancerSourceRanges"u8))
            {
                DecodeSourceRanges(ref reader);
            }
            else if (reader.ValueTextEquals("healthCheckNodePort"u8))
            {
                DecodeHealthCheckNodePort(ref reader);
            }
            else
            {
                reader.Skip();
            }
        }
    }

    private void DecodeClusterIPs(ref Utf8JsonReader reader)
    {
        _clusterIPs.Clear();
        if (!reader.EnterArray("spec.clusterIPs", problems))
        {
            return;
        }

        for (var i = 0; reader.ReadElement(); i++)
        {
            var field = new FieldPath("spec.clusterIPs", i);
            if (DecodeClusterIP(ref reader, field) is not { } address)
            {
                continue;
            }

            if (_clusterIPs.Exists(other => other.Family == address.Family))
            {
                problems.Add(field, $"{address} is a second {address.Family} address: a Service has one cluster IP of each family");
                continue;
            }

            _clusterIPs.Add(address);
        }
    }

    private InetAddress? DecodeClusterIP(ref Utf8JsonReader reader, in FieldPath field)
    {
        reader.ToValue();
        switch (reader.TokenType)
        {
            case JsonTokenType.Null:
            case JsonTokenType.String when reader.ValueTextEquals(""u8):
                return null;
            case JsonTokenType.String when reader.ValueTextEquals(Headless):
                _isHeadless = true;
                return null;
            default:
                return reader.TryReadAddress(field, problems, out var address) ? address : null;
        }
    }

    private void DecodeExternalIPs(ref Utf8JsonReader reader)
    {
        _externalIPs.Clear();
        if (!reader.EnterArray("spec.externalIPs", problems))
        {
            return;
        }

        for (var i = 0; reader.ReadElement(); i++)
        {
            if (reader.TryReadAddress(new FieldPath("spec.externalIPs", i), problems, out var address))
            {
                _externalIPs.Add(address);
            }
        }
    }

    private ServiceType DecodeType(ref Utf8JsonReader reader)
    {
        if (!reader.TryReadString("spec.type", problems, strings, out var text) || string.IsNullOrEmpty(text))
        {
            return ServiceType.ClusterIP;
        }

        switch (text)
        {
            case "ClusterIP":
                return ServiceType.ClusterIP;
            case "NodePort":
                return ServiceType.NodePort;
            case "LoadBalancer":
                return ServiceType.LoadBalancer;
            case "ExternalName":
                return ServiceType.ExternalName;
            default:
                problems.Add("spec.type", $"expected ClusterIP, NodePort, LoadBalancer or ExternalName, found {JsonFields.Quote(text)}");
                return ServiceType.ClusterIP;
        }
    }

    private TrafficPolicy DecodePolicy(ref Utf8JsonReader reader, string field)
    {
        if (!reader.TryReadString(field, problems, strings, out var text) || string.IsNullOrEmpty(text) || text == "Cluster")
        {
            return TrafficPolicy.Cluster;
        }

        if (text == "Local")
        {
            return TrafficPolicy.Local;
        }

        problems.Add(field, $"expected Cluster or Local, found {JsonFields.Quote(text)}");
        return TrafficPolicy.Cluster;
    }

    private void DecodeAffinity(ref Utf8JsonReader reader)
    {
        const string Field = "spec.sessionAffinity";
        _hasAffinity = false;
        if (reader.TryReadString(Field, problems, strings, out var text) && !string.IsNullOrEmpty(text) && text != "None")
        {
            _hasAffinity = text == "ClientIP";
            if (!_hasAffinity)
            {
                problems.Add(Field, $"expected None or ClientIP, found {JsonFields.Quote(text)}");
            }
        }
    }

    private void DecodeAffinityConfig(ref Utf8JsonReader reader)
    {
        _affinityTimeout = DefaultAffinityTimeout;
        if (!reader.EnterObject("spec.sessionAffinityConfig", problems))
        {
            return;
        }

        while (reader.ReadField())
        {
            if (!reader.ValueTextEquals("clientIP"u8))
            {
                reader.Skip();
                continue;
            }

            if (!reader.EnterObject("spec.sessionAffinityConfig.clientIP", problems))
            {
                continue;
            }

            while (reader.ReadField())
            {
                if (!reader.ValueTextEquals("timeoutSeconds"u8))
                {
                    reader.Skip();
                    continue;
                }

                reader.TryReadNumber(
                    "spec.sessionAffinityConfig.clientIP.timeoutSeconds", problems, 1, MaxAffinityTimeout, out var seconds);
                _affinityTimeout = seconds ?? DefaultAffinityTimeout;
            }
        }
    }

    private void DecodeSourceRanges(ref Utf8JsonReader reader)
    {
        _sourceRanges.Clear();
        _hasUnreadableRange = false;
        if (!reader.EnterArray("spec.loadBalancerSourceRanges", problems))
        {
            return;
        }

        for (var i = 0; reader.ReadElement(); i++)
        {
            if (reader.TryReadPrefix(new FieldPath("spec.loadBalancerSourceRanges", i), problems, out var range))
            {
                _sourceRanges.Add(range);
            }
            else
            {
                _hasUnreadableRange = true;
            }
        }
    }

    private void DecodeHealthCheckNodePort(ref Utf8JsonReader reader)
    {
        reader.TryReadNumber("spec.healthCheckNodePort", problems, 0, ushort.MaxValue, out var port);
        _healthCheckNodePort = (ushort)(port ?? 0);
    }

    private void DecodeStatus(ref Utf8JsonReader reader)
    {
        if (!reader.EnterObject("status", problems))
        {
            return;
        }

        while (reader.ReadField())
        {
            if (!reader.ValueTextEquals("loadBalancer"u8))
            {
                reader.Skip();
                continue;
            }

            if (!reader.EnterObject("status.loadBalancer", problems))
            {
                continue;
            }

            while (reader.ReadField())
            {
                if (reader.ValueTextEquals("ingress"u8))
                {
                    DecodeIngress(ref reader);
                }
                else
                {
                    reader.Skip();
                }
            }
        }
    }

    private void DecodeIngress(ref Utf8JsonReader reader)
    {
        _loadBalancerIPs.Clear();
        if (!reader.EnterArray("status.loadBalancer.ingress", problems))
        {
            return;
        }

        for (var i = 0; reader.ReadElement(); i++)
        {
            if (DecodeIngressIP(ref reader, i) is { } address)
            {
                _loadBalancerIPs.Add(address);
            }
        }
    }

    private InetAddress? DecodeIngressIP(ref Utf8JsonReader reader, int index)
    {
        if (!reader.TryEnterObject(new FieldPath("status.loadBalancer.ingress", index), problems, out _))
        {
            return null;
        }

        InetAddress? ip = null;
        var isProxied = true;
        while (reader.ReadField())
        {
            if (reader.ValueTextEquals("ip"u8))
            {
                ip = DecodeOptionalAddress(ref reader, new FieldPath("status.loadBalancer.ingress", index, ".ip"));
            }
            else if (reader.ValueTextEquals("ipMode"u8))
            {
                var field = new FieldPath("status.loadBalancer.ingress", index, ".ipMode");
                isProxied = reader.TryReadString(field, problems, strings, out var mode) && mode is null or "" or "VIP";
                if (mode is not (null or "" or "VIP" or "Proxy"))
                {
                    problems.Add(field, $"expected VIP or Proxy, found {JsonFields.Quote(mode)}");
                }
            }
            else
            {
                reader.Skip();
            }
        }

        return isProxied ? ip : null;
    }

    private InetAddress? DecodeOptionalAddress(ref Utf8JsonReader reader, in FieldPath field)
    {
        reader.ToValue();
        var isAbsent = reader.TokenType == JsonTokenType.Null
            || (reader.TokenType == JsonTokenType.String && reader.ValueTextEquals(""u8));
        return !isAbsent && reader.TryReadAddress(field, problems, out var address) ? address : null;
    }
}
