using System.Globalization;

namespace ProxyFramework.Backends.Userspace;

/// <summary>What the annotations <c>proxyframework.io/…</c> of a Service ask of this mode.</summary>
/// <param name="Retries">Other endpoints to try when a connect fails.</param>
/// <param name="ProxyProtocol">The header towards the endpoint.</param>
internal readonly record struct ServiceOptions(int Retries, ProxyProtocolVersion ProxyProtocol)
{
    private const int MaxRetries = 10;

    /// <summary>Reads the options; what is not honoured is said.</summary>
    public static ServiceOptions Read(ServicePort service, int defaultRetries, Action<string> notice)
    {
        var options = new ServiceOptions(defaultRetries, ProxyProtocolVersion.None);
        foreach (var (name, value) in service.Options)
        {
            switch (name)
            {
                case "retries" when int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var retries) && retries <= MaxRetries:
                    options = options with { Retries = retries };
                    break;
                case "retries":
                    notice($"annotation proxyframework.io/retries: '{value}' is not a whole number between 0 and {MaxRetries}; {defaultRetries} is used");
                    break;
                case "proxy-protocol" when service.Protocol != TransportProtocol.Tcp:
                    notice("annotation proxyframework.io/proxy-protocol: userspace mode sends the header over TCP only; none is sent");
                    break;
                case "proxy-protocol" when value is "v1" or "v2":
                    options = options with { ProxyProtocol = value == "v1" ? ProxyProtocolVersion.V1 : ProxyProtocolVersion.V2 };
                    break;
                case "proxy-protocol":
                    notice($"annotation proxyframework.io/proxy-protocol: '{value}' is neither v1 nor v2; no header is sent");
                    break;
                default:
                    notice($"annotation proxyframework.io/{name}: userspace mode does not know it; it is ignored");
                    break;
            }
        }

        return options;
    }
}
